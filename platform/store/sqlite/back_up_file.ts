import { backup, DatabaseSync } from "node:sqlite";

/** More pages than a file can have: a copy in steps would begin again with each write of the server. */
const allPages = 2 ** 31 - 1;

/**
 * Copies the store's file while a server may write to it: all transactions of one moment. The copy is synced before it
 * gets its name.
 */
export async function backUpFile(path: string, target: string): Promise<void> {
  const unfinished = `${target}.new`;
  const database = new DatabaseSync(path);
  try {
    await backup(database, unfinished, { rate: allPages });
  } finally {
    database.close();
  }
  await Deno.chmod(unfinished, 0o600);
  using file = await Deno.open(unfinished, { read: true, write: true });
  await file.sync();
  await Deno.rename(unfinished, target);
}
