/** The person who did something, as people read it: a user by the e-mail address, all others with what they are. Pure. */
export function personOf(actor: string): string {
  return actor.replace(/^user:/, "");
}
