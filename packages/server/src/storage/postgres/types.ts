import pg from 'pg';

/** `count` and `sum` come as bigint and numeric; every number here fits a double exactly. */
const numbers: readonly number[] = [pg.types.builtins.INT8, pg.types.builtins.NUMERIC];
export const types = new pg.TypeOverrides();
for (const type of numbers) types.setTypeParser(type, Number);
