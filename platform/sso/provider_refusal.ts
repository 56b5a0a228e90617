/** Why a sign-in by a provider did not succeed: a word for the page, which says no more to a stranger, and a sentence for the log. */

export type RefusalReason =
  /** The answer is not what the provider may say to this portal. */
  | "answer"
  /** The provider does not answer, or not as it should. */
  | "away"
  /** Nothing waits for this answer: it took too long, was used before, or came to another browser. */
  | "over"
  /** The person cancelled, or the provider does not let it in. */
  | "cancelled"
  /** Too many sign-ins of one source are under way. */
  | "busy"
  /** Without questions it was not possible. */
  | "questions"
  /** The provider left the groups out, as they are too many. */
  | "overage"
  /** The provider did not ask for what is required, such as a second factor. */
  | "factor";

export class ProviderRefusal extends Error {
  override readonly name = "ProviderRefusal";
  constructor(readonly reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
