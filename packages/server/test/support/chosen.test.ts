import { expect, it } from 'vitest';
import { chosenEngines } from './chosen.ts';

it.each([
  ['', ['SQLite', 'PostgreSQL']],
  ['sqlite', ['SQLite']],
  ['postgres', ['PostgreSQL']],
  ['postgres, SQLite', ['PostgreSQL', 'SQLite']],
])('ENGINES=%j chooses %j', (words, engines) => {
  expect([...chosenEngines(words, '')]).toEqual(engines);
});

it.each([
  ['', 'sqlite', ['SQLite']],
  ['postgres', 'sqlite', []],
  ['sqlite,postgres', 'postgres', ['PostgreSQL']],
])('of the engines of ENGINES=%j, a project of %s tests takes %j', (words, ofProject, engines) => {
  expect([...chosenEngines(words, ofProject)]).toEqual(engines);
});

it.each(['mysql', 'sqlite,', 'sqlite;postgres'])('ENGINES=%j is an error that names the word', (words) => {
  expect(() => chosenEngines(words, '')).toThrow(/ENGINES has "[^"]*"/);
});
