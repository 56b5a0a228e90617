/**
 * Bytes of a stored chunk. That of one message of FetchUpdate, so that a message is one row by its key, an offset tells
 * the row, and a stream holds one row at a time.
 */
export const chunkBytes = 262_144;
