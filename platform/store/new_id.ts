const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** A random id of 60 bits that can be read out over the telephone, such as `agt-7k4mq2zd9xta`. */
export function newId(prefix: "dea" | "cus" | "sit" | "cod" | "agt" | "dev" | "chg"): string {
  const random = crypto.getRandomValues(new Uint8Array(12));
  return `${prefix}-${Array.from(random, (byte) => alphabet[byte & 31]).join("")}`;
}
