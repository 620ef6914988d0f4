// A user of socket.io-client, in Node and in a browser. It uses the client as its documentation says, tells
// everything that the client reported, and does what it is asked to. Plain JavaScript, because the client is
// installed for this proof alone.

/** @returns emits an event, and tells the acknowledgement of one that gets one */
export function watch(io, { url, auth }, tell) {
  const socket = io(url, { transports: ["websocket"], auth });
  socket.on("connect", () => tell({ kind: "connected", recovered: socket.recovered }));
  socket.on("connect_error", ({ message, data }) =>
    tell({ kind: "refused", message, data: data ?? null, returns: socket.active }),
  );
  socket.on("disconnect", (reason) =>
    tell({ kind: "disconnected", reason, returns: socket.active }),
  );
  socket.on("proof.add", ([one, other], answer) => answer(one + other));
  socket.onAny((event, data, ...about) => {
    if (event !== "proof.add") tell({ kind: "event", event, data, about });
  });
  return async ({ event, data, isAnswered }) => {
    if (!isAnswered) {
      socket.emit(event, data);
      return;
    }
    const answer = await socket.emitWithAck(event, data);
    tell({ kind: "acknowledged", event, data: answer });
  };
}
