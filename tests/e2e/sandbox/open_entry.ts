// A thread with a scanner's permissions that nobody seals: what the runtime leaves open.
import "./before_the_seal.ts";
import "./stand_in.ts";
