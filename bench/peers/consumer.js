// sqs-consumer with a batch handler that does nothing: what it costs to receive and delete.
// POLLERS: how many. Says "ready" on standard output, then waits for a line on standard input before it receives.
import { once } from 'node:events';
import { Consumer } from 'sqs-consumer';
import { ordersUrl, sqs } from './sqs.js';

const queueUrl = await ordersUrl();
const pollers = Array.from({ length: Number(process.env.POLLERS) }, () =>
  Consumer.create({
    queueUrl,
    sqs,
    batchSize: 10,
    waitTimeSeconds: 20,
    handleMessageBatch: async (messages) => messages,
  }),
);
for (const poller of pollers) {
  for (const trouble of ['error', 'processing_error', 'timeout_error']) {
    poller.on(trouble, (error) => {
      console.error(error);
      process.exit(1);
    });
  }
}

console.log('ready');
await once(process.stdin, 'data');
for (const poller of pollers) poller.start();
