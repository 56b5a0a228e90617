/** Why a text is not a valid value: the part after the key's name, such as "is not a duration". */
export class ValueSyntaxError extends SyntaxError {
  override readonly name = "ValueSyntaxError";
  constructor(readonly reason: string, readonly hint?: string) {
    super(reason);
  }
}
