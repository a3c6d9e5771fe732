import type { ApartJob } from '../../storage/database.ts';
import { newestOpen, type OpenTask, type PageStart } from './open-tasks.ts';

/**
 * Reads the tasks that a search of the public board examines. It reads the beginning of up to 500 texts, which are large
 * when their posters want that, so it runs where it delays nobody.
 */
const examine: ApartJob<{ readonly tags: number; readonly place: PageStart }, OpenTask[]> = (reader, { tags, place }) =>
  reader.all(newestOpen(tags), place);
export default examine;
