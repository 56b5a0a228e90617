/**
 * Asks for the activation code without showing it: from a terminal key by key, else the first line of standard input.
 */
import { UsageError } from "../../common/core/errors.ts";

/** Longest line that is read; limits other input, such as a pipe. */
const maxBytes = 1024;

export interface TypedLine {
  text: string;
  done: boolean;
  interrupted: boolean;
}

/** The line after one more byte from a terminal in raw mode. Pure. */
function typeByte(line: TypedLine, byte: number): TypedLine {
  if (byte === 0x03) return { ...line, interrupted: true };
  if (byte === 0x0d || byte === 0x0a || byte === 0x04) return { ...line, done: true };
  if (byte === 0x7f || byte === 0x08) return { ...line, text: line.text.slice(0, -1) };
  // Ctrl-U, as in a shell: start over.
  if (byte === 0x15) return { ...line, text: "" };
  if (byte < 0x20 || byte > 0x7e || line.text.length >= maxBytes) return line;
  return { ...line, text: line.text + String.fromCharCode(byte) };
}

export interface CodeInput {
  isTerminal(): boolean;
  setRaw(raw: boolean): void;
  read(bytes: Uint8Array): Promise<number | null>;
}

/** Throws `UsageError` on empty input; undefined after Ctrl-C. */
export async function readCode(
  input: CodeInput,
  show: (text: string) => Promise<void>,
): Promise<string | undefined> {
  const terminal = input.isTerminal();
  if (terminal) {
    await show("Activation code (not shown): ");
    input.setRaw(true);
  }
  let line: TypedLine = { text: "", done: false, interrupted: false };
  let count = 0;
  try {
    const byte = new Uint8Array(1);
    while (!line.done && !line.interrupted && await input.read(byte) !== null) {
      line = typeByte(line, byte[0]!);
      // Input such as /dev/zero would never end the line.
      if (!terminal && ++count >= maxBytes) break;
    }
  } finally {
    if (terminal) {
      input.setRaw(false);
      await show("\n");
    }
  }
  if (line.interrupted) return undefined;
  if (line.text.trim() === "") {
    throw new UsageError(
      "Cannot activate as no code was given",
      "opendca activate, then type the code; or: opendca activate < FILE",
    );
  }
  return line.text;
}
