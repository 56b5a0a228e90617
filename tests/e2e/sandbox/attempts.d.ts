/** Attempt → "allowed", or why it was refused. */
export function tryAll(): Promise<Record<string, string>>;
