import { createPawl } from "./pawl.js";
import { PawlError } from "./error.js";
export {
  PawlError,
  createPawl
};
