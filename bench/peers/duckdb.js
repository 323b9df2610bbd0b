// One query of DuckDB over JSON files; prints its time and result.
//
//	node duckdb.js FOLDER-OF-NODE-MODULES SQL
"use strict";

const path = require("path");
const { DuckDBInstance, version } = require(path.join(process.argv[2], "node_modules", "@duckdb", "node-api"));

async function main() {
	const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
	const connection = await instance.connect();
	const began = process.hrtime.bigint();
	const result = await connection.runAndReadAll(process.argv[3]);
	const seconds = Number(process.hrtime.bigint() - began) / 1e9;
	const rows = result.getRowsJson();
	console.log(JSON.stringify({ seconds, rows, version: version() }));
}

main().catch((problem) => {
	console.error(String(problem));
	process.exit(1);
});
