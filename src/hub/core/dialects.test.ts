import { GUILD_CLIENT, SOCKET_IO_CLIENT } from "../../testing/client-side.ts";
import { dialectSuite } from "../../testing/dialect-suite.ts";
import { OPCODE_CLIENT } from "../../testing/opcode-dialect.ts";
import { SMALL_KIND } from "../../testing/small-kind.ts";
import { HAPPY_CLIENT, SYNC_CLIENT, USER_KIND } from "../../testing/sync-client-side.ts";
import { KIND } from "../../testing/virtual-guild.ts";

for (const kind of [KIND, SMALL_KIND]) {
  for (const client of [GUILD_CLIENT, OPCODE_CLIENT]) {
    dialectSuite(client, { kind });
    dialectSuite(client, { kind, transport: "pre-auth" });
  }
  dialectSuite(SOCKET_IO_CLIENT, { kind, transport: "socket-io" });
}

dialectSuite(SYNC_CLIENT, { kind: USER_KIND });
dialectSuite(SYNC_CLIENT, { kind: USER_KIND, transport: "pre-auth" });
dialectSuite(HAPPY_CLIENT, { kind: USER_KIND, transport: "socket-io" });
