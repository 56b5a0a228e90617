/** What a task of deno.json permits to the program that it runs, or compiles; without the quotes that its shell needs. */
export function taskGrants({ command }: { command: string }): string[] {
  const [, ofProgram] = /^(?:.* tools\/compile\.ts )?(.*)$/.exec(command)!;
  return ofProgram!.replaceAll("'", "").split(" ").filter((word) => /^--(allow|deny|ignore)-/.test(word));
}
