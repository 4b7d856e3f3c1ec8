using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Evaluation.Protocols;
using Microsoft.ML.Moka.Evaluation.Reports;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Work;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>Evaluates one model on the files of a folder.</summary>
internal sealed class BenchmarkEvaluation
{
    private readonly EvaluatedModel _model;
    private readonly BenchmarkOptions _options;
    private readonly IChannel _channel;
    private readonly Cancellation _cancellation;
    private readonly int _maxTokens;
    private readonly Answerer _answerer;
    private readonly BatchComputer _computer;

    public BenchmarkEvaluation(EvaluatedModel model, BenchmarkOptions options, IChannel channel, Cancellation cancellation)
    {
        _model = model;
        _options = options;
        _channel = channel;
        _cancellation = cancellation;
        _maxTokens = Math.Min(options.MaximumTokens ?? model.MaxTokens, model.Backbone.Config.MaxPositions);
        _answerer = Answerer.Create(options.Protocol, model, _maxTokens);
        _computer = new BatchComputer(model.Backbone, model.Adapters, _answerer.Settings);
    }

    public BenchmarkMetrics Run(IReadOnlyList<BenchmarkSource> sources)
    {
        // Bad rows and wrong counts are found before hours are spent on what comes before them.
        BenchmarkSet[] sets = [.. sources.Select(Look)];
        var settings = Settings(sets);
        using var file = _options.ResultsFolder is null ? null : ResultsFile.Open(ResultsPath(), settings);
        SetAnswers[] answers = [.. sets.Select(set => Earlier(set, file))];
        var log = new EvaluationLog(_model.Name, sets.Sum(set => (long)set.Rows), _channel, _options.Progress);
        var collector = new AnswerCollector(answers, file, log);
        var batches = answers.SelectMany(set => Batches(set.Set, set.Earlier));
        if (_options.Workers is { } workers)
            AnswerWith(workers, batches, collector);
        else
            AnswerHere(batches, collector);
        return new BenchmarkMetrics(_model.Name, _options.Protocol, settings, collector.Metrics)
        {
            Template = _answerer.Template,
            Tuning = _model.Tuning,
            Device = _model.Backbone.Backend.Description,
        };
    }

    private BenchmarkSet Look(BenchmarkSource source)
    {
        var labels = new Dictionary<string, int>(StringComparer.Ordinal);
        var rows = 0;
        foreach (var question in _answerer.Read(source).Take(_options.MaximumRows ?? int.MaxValue))
        {
            _cancellation.Token.ThrowIfCancellationRequested();
            rows++;
            var label = question.Prompt.Candidates[question.Label];
            labels[label] = labels.GetValueOrDefault(label) + 1;
        }
        if (rows == 0)
            throw new InvalidDataException($"{source.Path} has no questions.");
        // Choices' own texts are not what the published counts count.
        var counts = _options.Protocol is ChoiceLikelihoodProtocol ? source.Task?.TestLabelCounts : labels;
        if (_options.MaximumRows is null && source.Task is { } task && PublishedCounts.Difference(task, rows, counts!) is { } difference)
        {
            if (_options.RequirePublishedCounts)
                throw new InvalidDataException($"{source.Path} is not the published test set: {difference}.");
            _channel.Warning(MessageSensitivity.None, $"This is not the published test set: {difference}.");
        }
        return new BenchmarkSet(source, rows, [.. source.Files.Select(HashOf)]);

        static string HashOf(string path)
        {
            using var stream = File.OpenRead(path);
            return $"sha256:{Convert.ToHexStringLower(SHA256.HashData(stream))}";
        }
    }

    private SortedDictionary<string, string> Settings(BenchmarkSet[] sets)
    {
        var settings = new SortedDictionary<string, string>(_model.Fingerprints.ToDictionary(), StringComparer.Ordinal)
        {
            ["protocol"] = _options.Protocol.Name,
            ["prompt"] = _answerer.Template?.ToString() ?? "lm-evaluation-harness",
            ["maximum tokens"] = _maxTokens.ToString(CultureInfo.InvariantCulture),
            ["batch tokens"] = _options.BatchTokens.ToString(CultureInfo.InvariantCulture),
        };
        if (sets.Any(set => set.Source is MmluSource))
            settings["examples"] = _options.Examples.ToString(CultureInfo.InvariantCulture);
        foreach (var (name, value) in _options.Protocol.Parameters)
            settings[name] = value;
        foreach (var set in sets)
            settings[$"{ReportContent.DataOf}{set.Source.Name}"] = FormattableString.Invariant($"{string.Join(" and ", set.Hashes)}, {set.Rows} rows");
        return settings;
    }

    private SetAnswers Earlier(BenchmarkSet set, ResultsFile? file)
    {
        var answers = new SetAnswers(set, file?.Batches.Where(batch => batch.Task == set.Source.Name).ToList() ?? []);
        RequireOfQuestions(answers.Answers, set);
        return answers;
    }

    private void AnswerHere(IEnumerable<List<AskedQuestion>> batches, AnswerCollector collector)
    {
        foreach (var batch in batches)
        {
            var start = Stopwatch.GetTimestamp();
            var computed = Compute(batch);
            collector.Add(Answers(batch, computed), Stopwatch.GetElapsedTime(start).TotalSeconds, computed.Tokens);
            _cancellation.Check();
        }
    }

    /// <summary>
    /// Batches are computed by whoever is free, and taken in their order, with the time from one to the next: what is written is what one machine would write,
    /// whoever computed it. A batch that came early waits for those before it.
    /// </summary>
    private void AnswerWith(WorkerPool workers, IEnumerable<List<AskedQuestion>> batches, AnswerCollector collector)
    {
        using var job = workers.Open(
            EvaluationJob.Of(_model, _answerer.Settings, workers.AllowsOtherProcessors), warning => _channel.Warning(MessageSensitivity.None, warning));
        var underWay = new Dictionary<int, (List<AskedQuestion> Batch, ComputedBatch? Computed)>();
        var (next, last) = (0, Stopwatch.GetTimestamp());
        job.RunAll(
            Items(), null, item => BatchBytes.Write(Compute(underWay[item.Number].Batch)),
            (item, result) => Take(item.Number, BatchBytes.ReadComputed(result)), _cancellation.Token);
        TakeThoseInOrder();

        IEnumerable<WorkItem> Items()
        {
            foreach (var (number, batch) in batches.Index())
            {
                var askable = Askable(batch);
                underWay[number] = (batch, askable.Length == 0 ? ComputedBatch.Empty : null);
                if (askable.Length > 0)
                    yield return new WorkItem(number, BatchBytes.Write(askable));
            }
        }

        void Take(int number, ComputedBatch computed)
        {
            underWay[number] = underWay[number] with { Computed = computed };
            TakeThoseInOrder();
        }

        void TakeThoseInOrder()
        {
            for (; underWay.TryGetValue(next, out var first) && first.Computed is { } computed; next++)
            {
                underWay.Remove(next);
                collector.Add(Answers(first.Batch, computed), Stopwatch.GetElapsedTime(last).TotalSeconds, computed.Tokens);
                last = Stopwatch.GetTimestamp();
                _cancellation.Check();
            }
        }
    }

    private ComputedBatch Compute(List<AskedQuestion> batch) =>
        Askable(batch) is { Length: > 0 } askable ? _computer.Run(askable, _cancellation.Token) : ComputedBatch.Empty;

    private static SequenceSet[] Askable(List<AskedQuestion> batch) => [.. batch.Select(asked => asked.Encoded?.Tokens).OfType<SequenceSet>()];

    private List<BenchmarkAnswer> Answers(List<AskedQuestion> batch, ComputedBatch computed)
    {
        var next = 0;
        return [.. batch.Select(asked => asked.Encoded is null ? asked.Unanswered() : _answerer.Answer(asked.Encoded, computed.Answers[next++]))];
    }

    /// <summary>Whether answers that were read from a file can be those to these questions.</summary>
    private void RequireOfQuestions(List<BenchmarkAnswer> answers, BenchmarkSet set)
    {
        var row = 0;
        using var questions = _answerer.Read(set.Source).Take(set.Rows).GetEnumerator();
        foreach (var answer in answers)
        {
            _cancellation.Token.ThrowIfCancellationRequested();
            row++;
            if (!questions.MoveNext() || !Answers(answer, questions.Current))
                throw new InvalidDataException(
                    $"{ResultsPath()}: answer {row} to {set.Source.Name} is none to the question there. Delete the file, or choose another folder.");
        }

        static bool Answers(BenchmarkAnswer answer, Question question)
        {
            var candidates = question.Prompt.Candidates;
            if (answer.Label != candidates[question.Label] || !answer.Candidates.SequenceEqual(candidates))
                return false;
            if (answer.Problem is not null)
                return !answer.IsCorrect;
            if (answer.LogLikelihoods is not { } scores)
                return answer.IsCorrect == (answer.Predicted == answer.Label);
            var best = scores.Index().MaxBy(score => score.Item).Index;
            return answer.Predicted == candidates[best] && answer.IsCorrect == (best == question.Label);
        }
    }

    /// <summary>
    /// Consecutive questions under the budget of tokens. Where a batch ends depends only on where it starts: an evaluation that goes on has the batches of one
    /// that was never interrupted, and so the same scores to the last bit.
    /// </summary>
    private IEnumerable<List<AskedQuestion>> Batches(BenchmarkSet set, int start)
    {
        var batch = new List<AskedQuestion>();
        var cost = 0L;
        foreach (var question in _answerer.Read(set.Source).Take(set.Rows).Skip(start))
        {
            _cancellation.Token.ThrowIfCancellationRequested();
            var asked = Encode(question);
            var added = CostBehind(batch.FindLast(other => other.Encoded is not null)?.Encoded);
            if (batch.Count > 0 && cost + added > _options.BatchTokens)
            {
                yield return batch;
                batch = [];
                (cost, added) = (0L, CostBehind(null));
            }
            batch.Add(asked);
            cost += added;

            long CostBehind(EncodedQuestion? previous) => asked.Encoded?.CostAfter(previous, _answerer.NewTokens) ?? 0;
        }
        if (batch.Count > 0)
            yield return batch;
    }

    // One row that nobody could answer, such as one with an empty choice, does not end hours of work.
    private AskedQuestion Encode(Question question)
    {
        try
        {
            return new AskedQuestion(question, _answerer.Encode(question), null);
        }
        catch (ArgumentException e)
        {
            return new AskedQuestion(question, null, e.Message);
        }
    }

    private string ResultsPath()
    {
        Disk.Current.CreateFolder(_options.ResultsFolder!);
        return Path.Combine(_options.ResultsFolder!, $"{PlainName.Of(_model.Name)}-{PlainName.Of(_options.Protocol.Name)}.jsonl");
    }
}

/// <summary>The questions of a file that are to be answered.</summary>
/// <param name="Source">Where they are.</param>
/// <param name="Rows">How many, the first ones.</param>
/// <param name="Hashes">Of the file of questions, and of others that they are made of.</param>
internal sealed record BenchmarkSet(BenchmarkSource Source, int Rows, string[] Hashes);

/// <summary>A question on its way to the model.</summary>
/// <param name="Question">The question.</param>
/// <param name="Encoded">Its tokens; null where it cannot be asked.</param>
/// <param name="Problem">Why not; null where it can.</param>
internal sealed record AskedQuestion(Question Question, EncodedQuestion? Encoded, string? Problem)
{
    public BenchmarkAnswer Unanswered() => new()
    {
        Label = Question.Prompt.Candidates[Question.Label],
        IsCorrect = false,
        Candidates = Question.Prompt.Candidates,
        Problem = Problem,
    };
}
