/*-------------------------------------------------------------------------
 *
 * control.h
 *		Driving everything that the session has in progress.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CONTROL_H
#define ADSEXPORT_CONTROL_H

/* Drive the control requests of all exports and do what is due. */
extern void control_step(void);

#endif /* ADSEXPORT_CONTROL_H */
