/** What is true of every preview, one sentence each. */
export function previewNotes({ isConfigured, hasHistory }: { isConfigured: boolean; hasHistory: boolean }): string[] {
  return [
    "Ids of records and batches are made when the agent sends, and so are those of devices that it does not know yet; " +
    "those above are of this preview, and a sent batch has another sha256, which opendca ledger shows",
    ...(isConfigured ? [] : ["Without a configuration nothing is masked, and the name of the site is empty"]),
    hasHistory
      ? "Merged with the agent's history as the agent does it: what a sleeping device leaves out comes from its last good " +
        "reading, and problems name it"
      : "Without a history each device is as when it is read for the first time; later, the agent fills what a sleeping " +
        "device leaves out from its last good reading, and problems name it",
    "A number that is 0 and a text that is empty are not in a message, so they are not shown",
    "Reads of the status between two full ones send no meters",
    "Beside uploads, polls tell the agent's status, results of tasks, and the configuration without its secrets",
  ];
}
