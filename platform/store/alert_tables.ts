/** From when on alerts are raised: of a dealer, and of a customer of it, which goes before. */
export const alertLimits = `
-- JSON: see alerts/alert_limits.ts; null: nothing of its own.
ALTER TABLE dealers ADD COLUMN alert_limits TEXT;
ALTER TABLE customers ADD COLUMN alert_limits TEXT;
`;
