/** What an administrator should know of, by kind: repetitions are counted, and what works again is taken off. */

export interface AgentFault {
  /** Stable; made for programs. */
  code: string;
  /** One sentence for a person. */
  message: string;
  firstAt: Date;
  lastAt: Date;
  count: number;
}

export interface FaultList {
  add(code: string, message: string): void;
  /** It works again. */
  clear(code: string): void;
  /** Newest first, at most 20. */
  all(): AgentFault[];
}

const maxShown = 20;
/** More than is shown, so that the end of each of many is told. */
const maxKept = 2000;
const maxMessage = 500;

export interface FaultListOptions {
  now(): Date;
  changed(): void;
  /** What failed works again. */
  ended(fault: AgentFault): void;
}

export function createFaultList({ now, changed, ended }: FaultListOptions): FaultList {
  // In the order of their last time, as a fault that comes again is put in anew.
  const faults = new Map<string, AgentFault>();
  return {
    add(code, message) {
      const before = faults.get(code);
      faults.delete(code);
      const at = now();
      faults.set(code, {
        code,
        message: message.slice(0, maxMessage),
        firstAt: before?.firstAt ?? at,
        lastAt: at,
        count: (before?.count ?? 0) + 1,
      });
      const [oldest] = faults.keys();
      if (faults.size > maxKept && oldest !== undefined) faults.delete(oldest);
      changed();
    },
    clear(code) {
      const fault = faults.get(code);
      if (fault === undefined) return;
      faults.delete(code);
      ended(fault);
      changed();
    },
    all: () => [...faults.values()].slice(-maxShown).reverse(),
  };
}
