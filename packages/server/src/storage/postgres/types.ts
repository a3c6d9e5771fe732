import pg from 'pg';

/** `pg` returns bigint (`count`) and numeric (`sum`) as text. All such values here fit a double exactly. */
const numbers: readonly number[] = [pg.types.builtins.INT8, pg.types.builtins.NUMERIC];
export const types = new pg.TypeOverrides();
for (const type of numbers) types.setTypeParser(type, Number);
