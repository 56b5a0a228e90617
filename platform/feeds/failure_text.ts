/** Why a receiver could not be reached, in words instead of the system's codes. Pure. */
import { messageOf } from "../../common/core/errors.ts";

const words: readonly { codes: readonly string[]; text: string }[] = [
  { codes: ["ECONNREFUSED"], text: "nothing listens at the address: the connection was refused" },
  { codes: ["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME"], text: "its name cannot be found" },
  { codes: ["ECONNRESET", "EPIPE", "ECONNABORTED"], text: "it closed the connection" },
  { codes: ["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"], text: "its address cannot be reached" },
  {
    codes: [
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      "UnknownIssuer",
    ],
    text: "nobody who is trusted has issued its certificate: the setting ca names its authority",
  },
  { codes: ["ERR_TLS_CERT_ALTNAME_INVALID", "NotValidForName"], text: "its certificate is for another name" },
  { codes: ["CERT_HAS_EXPIRED"], text: "its certificate has expired" },
];

export function failureText(error: unknown): string {
  const message = messageOf(error), code = (error as { code?: unknown } | null)?.code;
  return words.find(({ codes }) => codes.some((each) => each === code || message.includes(each)))?.text ?? message;
}
