/** What is true of every preview, one sentence each. */
export function previewNotes({ isConfigured, hasHistory }: { isConfigured: boolean; hasHistory: boolean }): string[] {
  return [
    "Ids of records and batches are made when the agent sends, and so are those of devices that it does not know yet; " +
    "those above are of this preview, and a sent batch has another sha256, which opendca ledger shows",
    ...(isConfigured ? [] : ["Without a configuration nothing is masked, and the name of the site is empty"]),
    hasHistory
      ? "Merged with the agent's history as the agent does it: values that a sleeping device lacks come from its last valid " +
        "reading, and problems list them"
      : "Without a history each device is as when it is read for the first time; later, the agent fills in what a sleeping " +
        "device lacks from its last valid reading, and problems list them",
    "A number that is 0 and a text that is empty are not in a message, so they are not shown",
    "Status reads between two full reads send no meters",
    "Besides uploads, polls carry the agent's status, results of tasks, and the configuration without its secrets",
  ];
}
