import { inPostgres } from "../fixtures/each_database.ts";
import { checkIdentities } from "../fixtures/identity_model.ts";

inPostgres(
  "two agents and the platform in PostgreSQL know as many devices as there are, in hundreds of random runs",
  () => checkIdentities(200),
);
