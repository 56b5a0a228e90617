const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** A random id of 60 bits that can be read out on the telephone, such as `agt-7k4mq2zd9xta`. */
export function newId(
  prefix:
    | "dea"
    | "cus"
    | "viw"
    | "rul"
    | "rcp"
    | "nti"
    | "ntf"
    | "rol"
    | "sit"
    | "cod"
    | "agt"
    | "dev"
    | "chg"
    | "ses"
    | "fil"
    | "usr"
    | "sgn"
    | "mai"
    | "tok"
    | "hok"
    | "msg"
    | "idp"
    | "cor"
    | "pky"
    | "alr"
    | "doc"
    | "txt"
    | "agr"
    | "fed"
    | "apr"
    | "key",
): string {
  const random = crypto.getRandomValues(new Uint8Array(12));
  return `${prefix}-${Array.from(random, (byte) => alphabet[byte & 31]).join("")}`;
}

/** A random label of 130 bits that cannot be guessed; also valid as a part of a host name. */
export function newLabel(): string {
  const random = crypto.getRandomValues(new Uint8Array(26));
  return Array.from(random, (byte) => alphabet[byte & 31]).join("");
}
