//! Message move tasks: dead letters sent back, or elsewhere.

use aws_sdk_sqs::operation::start_message_move_task::builders::StartMessageMoveTaskFluentBuilder;
use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;

use crate::endpoint::{
    Endpoint, Queue, bodies, code, invalid_parameter, receive_count, redrive_policy, refusal, system,
};

/// A queue with so many dead letters, `1`, `2` and so on.
async fn with_letters(endpoint: &Endpoint, name: &str, count: usize) -> (Queue, Queue) {
    let (queue, dead_letters) = endpoint.with_dead_letters(name, 1).await;
    kill(&queue, count).await;
    dead_letters.await_counters([count, 0, 0]).await;
    (queue, dead_letters)
}

async fn kill(queue: &Queue, count: usize) {
    for number in 1..=count {
        queue.send(&number.to_string()).await;
        queue.receive_for(0).await.unwrap();
        assert!(queue.receive().await.is_none());
    }
}

fn starting(source: &Queue) -> StartMessageMoveTaskFluentBuilder {
    source.sqs.start_message_move_task().source_arn(&source.arn)
}

async fn tasks(source: &Queue) -> Vec<ListMessageMoveTasksResultEntry> {
    let call = source.sqs.list_message_move_tasks().source_arn(&source.arn).max_results(10);
    call.send().await.unwrap().results.unwrap_or_default()
}

/// Waits until the latest task has this status.
async fn await_status(source: &Queue, status: &str) -> ListMessageMoveTasksResultEntry {
    testbed::eventually(&format!("the task is {status}"), async || {
        tasks(source).await.into_iter().next().filter(|task| task.status() == Some(status))
    })
    .await
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
#[tokio::test]
async fn without_a_destination_each_letter_goes_back_to_where_it_came_from() {
    let endpoint = Endpoint::start().await;
    let (first, dead_letters) = with_letters(&endpoint, "back", 2).await;
    let second = endpoint.queue_with("back-2", &[("RedrivePolicy", &redrive_policy(&dead_letters.arn, 1))]).await;
    kill(&second, 1).await;

    let handle = starting(&dead_letters).send().await.unwrap().task_handle.unwrap();
    assert!(!handle.is_empty());
    let task = await_status(&dead_letters, "COMPLETED").await;
    assert_eq!(task.source_arn(), Some(dead_letters.arn.as_str()));
    assert_eq!((task.destination_arn(), task.failure_reason(), task.task_handle()), (None, None, None));
    assert_eq!(task.max_number_of_messages_per_second(), None);
    assert_eq!(
        (task.approximate_number_of_messages_moved(), task.approximate_number_of_messages_to_move()),
        (3, Some(3))
    );
    assert!(task.started_timestamp() > 1_700_000_000_000, "milliseconds since 1970");
    assert_eq!(dead_letters.counters().await, [0, 0, 0]);
    assert_eq!(bodies(&first.receive_all().await), ["1", "2"]);
    assert_eq!(bodies(&second.receive_all().await), ["1"]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
#[tokio::test]
async fn with_a_destination_all_letters_go_there() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = with_letters(&endpoint, "elsewhere", 3).await;
    let destination = endpoint.queue("destination").await;
    starting(&dead_letters).destination_arn(&destination.arn).send().await.unwrap();
    let task = await_status(&dead_letters, "COMPLETED").await;
    assert_eq!(task.destination_arn(), Some(destination.arn.as_str()));
    assert_eq!(task.approximate_number_of_messages_moved(), 3);
    assert_eq!(bodies(&destination.receive_all().await), ["1", "2", "3"]);
    assert_eq!((queue.counters().await, dead_letters.counters().await), ([0, 0, 0], [0, 0, 0]));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>
#[tokio::test]
async fn what_is_moved_is_a_new_message_with_an_id_and_a_time_of_its_own() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("anew", 1).await;
    let id = queue.send("letter").await;
    let before = queue.receive_for(0).await.unwrap();
    assert!(queue.receive().await.is_none());
    starting(&dead_letters).send().await.unwrap();
    await_status(&dead_letters, "COMPLETED").await;
    let after = queue.receive().await.unwrap();
    assert_eq!(after.body(), Some("letter"));
    if endpoint.localstack_differs("it keeps the id and the source, and goes on counting") {
        return;
    }
    assert_ne!(after.message_id(), Some(id.as_str()));
    assert_eq!((receive_count(&after), system(&after, "DeadLetterQueueSourceArn")), (1, ""));
    let sent = |message| system(message, "SentTimestamp").parse::<u64>().unwrap();
    assert!(sent(&after) >= sent(&before));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
#[tokio::test]
async fn the_source_is_a_dead_letter_queue_and_it_and_the_destination_are_there() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = endpoint.with_dead_letters("errors", 1).await;
    let words = invalid_parameter(starting(&queue).destination_arn(&dead_letters.arn).send().await);
    assert_eq!(words, "Source queue must be configured as a Dead Letter Queue.");

    let missing = format!("{}-missing", dead_letters.arn);
    let no_source = endpoint.sqs.start_message_move_task().source_arn(&missing).send().await;
    assert_eq!(code(no_source), "ResourceNotFoundException");
    let no_destination = refusal(starting(&dead_letters).destination_arn(&missing).send().await.unwrap_err());
    assert_eq!(no_destination.code, "ResourceNotFoundException");
    assert_eq!(
        no_destination.message,
        "The resource that you specified for the DestinationArn parameter doesn't exist."
    );
    let no_list = endpoint.sqs.list_message_move_tasks().source_arn(&missing).send().await;
    assert_eq!(code(no_list), "ResourceNotFoundException");
    assert!(tasks(&dead_letters).await.is_empty());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
#[tokio::test]
async fn a_rate_is_1_to_500_messages_per_second() {
    let endpoint = Endpoint::start().await;
    let (_, dead_letters) = endpoint.with_dead_letters("rate", 1).await;
    if endpoint.localstack_differs("it takes any rate") {
        return;
    }
    for rate in [-1, 0, 501] {
        invalid_parameter(starting(&dead_letters).max_number_of_messages_per_second(rate).send().await);
    }
    starting(&dead_letters).max_number_of_messages_per_second(500).send().await.unwrap();
    let task = await_status(&dead_letters, "COMPLETED").await;
    assert_eq!(task.max_number_of_messages_per_second(), Some(500));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html>
#[tokio::test]
async fn a_task_with_a_rate_moves_bit_by_bit_and_what_it_has_not_moved_when_cancelled_stays() {
    let endpoint = Endpoint::start().await;
    let (queue, dead_letters) = with_letters(&endpoint, "cancelled", 10).await;
    let rated = starting(&dead_letters).max_number_of_messages_per_second(1);
    let handle = rated.send().await.unwrap().task_handle.unwrap();
    let running = await_status(&dead_letters, "RUNNING").await;
    assert_eq!(running.task_handle(), Some(handle.as_str()));
    assert_eq!(running.max_number_of_messages_per_second(), Some(1));
    assert_eq!(running.approximate_number_of_messages_to_move(), Some(10));
    queue.await_one().await;

    let answer = endpoint.sqs.cancel_message_move_task().task_handle(&handle).send().await.unwrap();
    assert!((1..10).contains(&answer.approximate_number_of_messages_moved()));
    let task = await_status(&dead_letters, "CANCELLED").await;
    let moved = task.approximate_number_of_messages_moved() as usize;
    assert!((1..10).contains(&moved));
    let (back, left): (usize, usize) =
        (queue.counters().await.iter().sum(), dead_letters.counters().await.iter().sum());
    assert_eq!((back, left), (moved, 10 - moved), "nothing is lost, and nothing is there twice");
    assert_eq!(task.task_handle(), None);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html>
#[tokio::test]
async fn only_a_running_task_can_be_cancelled() {
    let endpoint = Endpoint::start().await;
    let (_, dead_letters) = with_letters(&endpoint, "done", 1).await;
    let cancelling = |handle: &str| endpoint.sqs.cancel_message_move_task().task_handle(handle).send();
    let words = invalid_parameter(cancelling("foobared").await);
    assert_eq!(words, "Value for parameter TaskHandle is invalid.");
    let handle = starting(&dead_letters).send().await.unwrap().task_handle.unwrap();
    await_status(&dead_letters, "COMPLETED").await;
    if endpoint.localstack_differs("it cancels a task that has ended") {
        return;
    }
    refusal(cancelling(&handle).await.unwrap_err());
    assert_eq!(tasks(&dead_letters).await[0].status(), Some("COMPLETED"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
#[tokio::test]
async fn a_queue_has_one_running_task_at_a_time_and_the_latest_are_listed_first() {
    let endpoint = Endpoint::start().await;
    let (_, dead_letters) = with_letters(&endpoint, "single", 5).await;
    let start = || starting(&dead_letters).max_number_of_messages_per_second(1).send();
    let first = start().await.unwrap().task_handle.unwrap();
    let words = invalid_parameter(start().await);
    assert_eq!(
        words,
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
    );
    await_status(&dead_letters, "RUNNING").await;
    endpoint.sqs.cancel_message_move_task().task_handle(&first).send().await.unwrap();
    await_status(&dead_letters, "CANCELLED").await;
    start().await.unwrap();
    await_status(&dead_letters, "RUNNING").await;
    let listed: Vec<_> = tasks(&dead_letters).await.into_iter().map(|task| task.status.unwrap()).collect();
    assert_eq!(listed, ["RUNNING", "CANCELLED"]);
    let one = endpoint.sqs.list_message_move_tasks().source_arn(&dead_letters.arn).send().await.unwrap();
    assert_eq!(one.results().len(), 1, "one unless more are asked for");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>
#[tokio::test]
async fn one_to_ten_tasks_are_listed() {
    let endpoint = Endpoint::start().await;
    let (_, dead_letters) = endpoint.with_dead_letters("listed", 1).await;
    if endpoint.localstack_differs("it takes any number") {
        return;
    }
    for size in [0, 11] {
        let call = endpoint.sqs.list_message_move_tasks().source_arn(&dead_letters.arn).max_results(size);
        invalid_parameter(call.send().await);
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>
#[tokio::test]
async fn a_task_whose_destination_is_deleted_fails_and_loses_nothing() {
    let endpoint = Endpoint::start().await;
    let (_, dead_letters) = with_letters(&endpoint, "failing", 5).await;
    let destination = endpoint.queue("destination").await;
    let call = starting(&dead_letters).destination_arn(&destination.arn).max_number_of_messages_per_second(1);
    call.send().await.unwrap();
    await_status(&dead_letters, "RUNNING").await;
    endpoint.sqs.delete_queue().queue_url(&destination.url).send().await.unwrap();
    let task = await_status(&dead_letters, "FAILED").await;
    let moved = task.approximate_number_of_messages_moved() as usize;
    assert!(moved < 5);
    let left = dead_letters.counters().await;
    assert_eq!(left.iter().sum::<usize>(), 5 - moved);
    if endpoint.localstack_differs("the letter at hand stays hidden, and the reason is the error's name, not its code")
    {
        return;
    }
    assert_eq!(left, [5 - moved, 0, 0]);
    assert_eq!(task.failure_reason(), Some("AWS.SimpleQueueService.NonExistentQueue"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>
#[tokio::test]
async fn a_letter_that_came_from_nowhere_cannot_go_back_and_stays() {
    let endpoint = Endpoint::start().await;
    let (_, dead_letters) = endpoint.with_dead_letters("nowhere", 1).await;
    dead_letters.send("sent here at once").await;
    starting(&dead_letters).send().await.unwrap();
    if endpoint.localstack_differs("the task fails with an error of its own") {
        return;
    }
    let task = await_status(&dead_letters, "FAILED").await;
    assert_eq!(task.failure_reason(), Some("CouldNotDetermineMessageSource"));
    assert_eq!(dead_letters.counters().await, [1, 0, 0]);
}
