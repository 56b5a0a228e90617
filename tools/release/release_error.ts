/** A reason why there is no release, for the person who asked for one. */
export class ReleaseError extends Error {
  override readonly name = "ReleaseError";
}
