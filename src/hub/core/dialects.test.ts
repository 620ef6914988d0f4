import { GUILD_CLIENT } from "../../testing/client-side.ts";
import { dialectSuite } from "../../testing/dialect-suite.ts";
import { OPCODE_CLIENT } from "../../testing/opcode-dialect.ts";

dialectSuite(GUILD_CLIENT);
dialectSuite(OPCODE_CLIENT);
