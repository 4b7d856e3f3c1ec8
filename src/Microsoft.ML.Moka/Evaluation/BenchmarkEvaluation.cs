using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Evaluation.Protocols;
using Microsoft.ML.Moka.Evaluation.Reports;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Interop;
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

    public BenchmarkEvaluation(EvaluatedModel model, BenchmarkOptions options, IChannel channel, Cancellation cancellation)
    {
        _model = model;
        _options = options;
        _channel = channel;
        _cancellation = cancellation;
        _maxTokens = Math.Min(options.MaximumTokens ?? model.MaxTokens, model.Backbone.Config.MaxPositions);
        _answerer = Answerer.Create(options.Protocol, model, _maxTokens);
    }

    public BenchmarkMetrics Run(IReadOnlyList<BenchmarkSource> sources)
    {
        // Bad rows and wrong counts are found before hours are spent on what comes before them.
        BenchmarkSet[] sets = [.. sources.Select(Look)];
        var settings = Settings(sets);
        using var file = _options.ResultsFolder is null ? null : ResultsFile.Open(ResultsPath(), settings);
        var log = new EvaluationLog(_model.Name, sets.Sum(set => (long)set.Rows), _channel, _options.Progress);
        return new BenchmarkMetrics(_model.Name, _options.Protocol, settings, [.. sets.Select(set => Answer(set, file, log))])
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

    private BenchmarkTaskMetrics Answer(BenchmarkSet set, ResultsFile? file, EvaluationLog log)
    {
        var finished = file?.Batches.Where(batch => batch.Task == set.Source.Name).ToList() ?? [];
        var answers = finished.SelectMany(batch => batch.Answers).ToList();
        RequireOfQuestions(answers, set);
        var (seconds, tokens) = (finished.Sum(batch => batch.Seconds), finished.Sum(batch => batch.Tokens));
        log.Begin(set, answers);
        foreach (var batch in Batches(set, answers.Count))
        {
            var start = Stopwatch.GetTimestamp();
            var batchAnswers = Answer(batch, out var batchTokens);
            var batchSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            file?.Add(new AnsweredBatch(set.Source.Name, answers.Count, batchSeconds, batchTokens, batchAnswers));
            answers.AddRange(batchAnswers);
            seconds += batchSeconds;
            tokens += batchTokens;
            log.Answered(answers, batch.Count, batchSeconds, batchTokens);
            _cancellation.Check();
        }
        if (answers.TrueForAll(answer => answer.Problem is not null))
            throw new InvalidOperationException($"{set.Source.Path}: none of its {answers.Count} questions can be asked. The first: {answers[0].Problem}");
        var metrics = new BenchmarkTaskMetrics(set.Source.Name, set.Hashes[0], answers, seconds, tokens) { IsMmlu = set.Source is MmluSource };
        log.End(metrics);
        return metrics;
    }

    private IReadOnlyList<BenchmarkAnswer> Answer(IReadOnlyList<AskedQuestion> batch, out long tokens)
    {
        EncodedQuestion[] askable = [.. batch.Select(asked => asked.Encoded).OfType<EncodedQuestion>()];
        tokens = 0;
        var answers = new Queue<BenchmarkAnswer>(askable.Length == 0 ? [] : _answerer.Answer(askable, out tokens, _cancellation.Token));
        return [.. batch.Select(asked => asked.Encoded is null ? asked.Unanswered() : answers.Dequeue())];
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
