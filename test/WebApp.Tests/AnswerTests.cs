using System.Net;
using System.Net.Http.Json;
using EverydayWorld;
using WebApp.Answers;
using WebApp.Tuning;

namespace WebApp.Tests;

public sealed class AnswerTests(TunedModels models)
{
    [Fact]
    public async Task EachChoiceHasAProbability()
    {
        await using var service = await RunningService.Start(models.First);

        var answer = await service.Ask("What is the bell made of?", "wood", "metal", "glass");

        Assert.Equal(["wood", "metal", "glass"], answer.Choices.Select(choice => choice.Text));
        Assert.Equal(1, answer.Choices.Sum(choice => choice.Probability), 1e-5);
        Assert.Equal(answer.Choices.Max(choice => choice.Probability), answer.Choices[answer.Best].Probability);
        Assert.Equal(service.Version, answer.Model);
    }

    [Fact]
    public async Task AQuestionInABatchGetsWhatItGetsAlone()
    {
        await using var alone = await RunningService.Start(models.First, "--Serving:MaximumBatchRows=1");
        await using var batched = await RunningService.Start(models.First, "--Serving:BatchWindowMilliseconds=100", "--Serving:MaximumBatchTokens=400");
        using var measured = new Measurements(batched);
        var rows = TrainingQuestions.Make(Part.Test, 60, seed: 3).Select(row => row.Text.Split('\n')).ToList();

        var expected = new List<AnswerResponse>();
        foreach (var row in rows)
            expected.Add(await Ask(alone, row));
        var answers = await Task.WhenAll(rows.Select(row => Ask(batched, row)));

        Assert.Equal(expected.Select(Bits), answers.Select(Bits));
        Assert.Equal(60, measured["moka.batch.rows"].Sum());
        Assert.InRange(measured["moka.batch.rows"].Count, 2, 30);
        Assert.All(measured["moka.batch.tokens"], tokens => Assert.InRange(tokens, 1, 400));
        Assert.Equal(60, measured["moka.answer.duration"].Count);
        Assert.Equal(measured["moka.batch.rows"].Count, measured["moka.batch.duration"].Count);

        static Task<AnswerResponse> Ask(RunningService service, string[] lines) =>
            service.Ask(lines[0], [.. lines.Skip(1).Select(line => line.Split(": ")[1])]);
        static string Bits(AnswerResponse answer) => string.Join(' ', answer.Choices.Select(choice => BitConverter.SingleToUInt32Bits(choice.Probability)));
    }

    [Fact]
    public async Task ABatchHasNoMoreQuestionsThanAllowed()
    {
        await using var service = await RunningService.Start(models.First, "--Serving:BatchWindowMilliseconds=100", "--Serving:MaximumBatchRows=3");
        using var measured = new Measurements(service);

        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => service.Ask($"What is number {i}?", "odd", "even")));

        Assert.Equal(10, measured["moka.batch.rows"].Sum());
        Assert.Equal(3, measured["moka.batch.rows"].Max());
    }

    [Fact]
    public async Task WhenTheQueueIsFullOthersAreToldToComeBackLater()
    {
        await using var service =
            await RunningService.Start(models.First, "--Serving:QueueLength=2", "--Serving:MaximumBatchRows=1", "--Serving:BatchWindowMilliseconds=0");
        using var measured = new Measurements(service);

        var responses = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => service.Post($"What is number {i}?", "odd", "even")));

        var refused = responses.Where(response => response.StatusCode == HttpStatusCode.TooManyRequests).ToList();
        Assert.NotEmpty(refused);
        Assert.Equal(100, refused.Count + responses.Count(response => response.StatusCode == HttpStatusCode.OK));
        Assert.All(refused, response =>
        {
            Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        });
        Assert.Equal(refused.Count, measured["moka.requests.rejected"].Sum());
        Assert.InRange(measured["moka.queue.length"].Max(), 0, 2);
    }

    [Fact]
    public async Task AQuestionThatWaitsTooLongIsGivenUp()
    {
        await using var service = await RunningService.Start(models.First, "--Serving:TimeoutSeconds=1", "--Serving:BatchWindowMilliseconds=2500");
        using var measured = new Measurements(service);

        using var response = await service.Post("What is it?", "this", "that");

        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        await RunningService.Eventually(() => measured["moka.requests.dropped"].Count == 1);
        Assert.Empty(measured["moka.batch.rows"]);
    }

    [Fact]
    public async Task AClientThatGoesAwayIsNotWorkedFor()
    {
        await using var service = await RunningService.Start(models.First, "--Serving:BatchWindowMilliseconds=2500");
        using var measured = new Measurements(service);
        using var gone = new CancellationTokenSource(1000);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            service.Client.PostAsync("/api/answers", JsonContent.Create(new { question = "Who?", choices = (string[])["he", "she"] }), gone.Token));

        await RunningService.Eventually(() => measured["moka.requests.dropped"].Count == 1);
        Assert.Empty(measured["moka.batch.rows"]);
    }

    [Fact]
    public async Task WhatWasAcceptedIsAnsweredBeforeTheServiceEnds()
    {
        await using var service = await RunningService.Start(models.First, "--Serving:BatchWindowMilliseconds=2000");
        var asked = Enumerable.Range(0, 20).Select(i => service.Post($"What is number {i}?", "odd", "even")).ToList();
        await Task.Delay(1000);

        await service.App.StopAsync();

        Assert.All(await Task.WhenAll(asked), response => Assert.Equal(HttpStatusCode.OK, response.StatusCode));
        await Assert.ThrowsAsync<HttpRequestException>(() => service.Post("Anybody there?", "yes", "no"));
    }
}
