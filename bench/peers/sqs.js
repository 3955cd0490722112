import { GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';

/** Configured by the SDK's own variables. */
export const sqs = new SQSClient({});

/** The URL of the queue `orders`. */
export async function ordersUrl() {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'orders' }));
  return QueueUrl;
}
