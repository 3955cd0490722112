// `POST /orders` with Fastify: one `SendMessage` per request, nothing stored.
// PORT: where to listen. Says "ready" on standard output.
import { randomUUID } from 'node:crypto';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import Fastify from 'fastify';
import { ordersUrl, sqs } from './sqs.js';

const QueueUrl = await ordersUrl();
const app = Fastify({ logger: false });
const schema = {
  body: {
    type: 'object',
    required: ['userId', 'total'],
    additionalProperties: false,
    properties: { userId: { type: 'string', minLength: 1, maxLength: 64 }, total: { type: 'number', exclusiveMinimum: 0 } },
  },
};

app.post('/orders', { schema }, async ({ body: { userId, total } }, reply) => {
  const orderId = randomUUID();
  const createdAt = new Date().toISOString();
  const event = {
    specversion: '1.0',
    id: randomUUID(),
    source: '/order-service',
    type: 'order.created.v1',
    subject: orderId,
    time: createdAt,
    datacontenttype: 'application/json',
    data: { orderId, userId, amount: Math.round(total * 100), currency: 'USD' },
  };
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(event) }));
  reply.code(202).header('location', `/orders/${orderId}`);
  return { orderId, userId, total, currency: 'USD', status: 'PENDING', createdAt, updatedAt: createdAt };
});

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
console.log('ready');
