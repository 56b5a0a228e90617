/** Codes of problems with an unanswered part of a reading; true if the reading ended there. */
const lost: Readonly<Record<string, boolean>> = {
  silent: true,
  deadline: true,
  "read-failed": true,
  "no-answer": false,
  bug: true,
  "worker-crash": true,
};

/** Whether a problem of this code means that a part of the reading is missing. */
export function isLost(code: string): boolean {
  return Object.hasOwn(lost, code);
}

/** Whether a problem of this code means that the reading ended there. */
export function endsReading(code: string): boolean {
  return isLost(code) && lost[code] === true;
}
