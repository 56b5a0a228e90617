/** Problems of a reading of which a part was asked for and not answered: whether nothing more was asked after it. */
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
