import { GUILD_CLIENT, SOCKET_IO_CLIENT } from "../../testing/client-side.ts";
import { dialectSuite } from "../../testing/dialect-suite.ts";
import { OPCODE_CLIENT } from "../../testing/opcode-dialect.ts";

for (const client of [GUILD_CLIENT, OPCODE_CLIENT]) {
  dialectSuite(client);
  dialectSuite(client, "pre-auth");
}
dialectSuite(SOCKET_IO_CLIENT, "socket-io");
