/** When a supply is low, for agent and platform. */

/** Remaining percent at and below which a supply is low. */
export const lowPercent = 20;
/** Remaining percent at and below which a supply is very low. */
export const veryLowPercent = 5;
