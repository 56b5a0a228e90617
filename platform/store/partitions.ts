/** What PostgreSQL partitions, by which time. */
export const partitionColumns = {
  records: "received_at",
  samples: "observed_at",
  kept_readings: "observed_at",
  kept_seals: "received_at",
} as const;

/** Days of one partition. */
export const partitionDays = { records: 7, samples: 30, kept_readings: 30, kept_seals: 30 };
