namespace Microsoft.ML.Moka.Evaluation;

/// <summary>
/// The answers of an evaluation as they come, in the order of the questions; where there is a file, each batch is in it before the next is taken.
/// </summary>
internal sealed class AnswerCollector
{
    private readonly IReadOnlyList<SetAnswers> _sets;
    private readonly ResultsFile? _file;
    private readonly EvaluationLog _log;
    private readonly List<BenchmarkTaskMetrics> _finished = [];

    public AnswerCollector(IReadOnlyList<SetAnswers> sets, ResultsFile? file, EvaluationLog log)
    {
        (_sets, _file, _log) = (sets, file, log);
        Begin();
    }

    /// <summary>The metrics of the sets, once all batches were taken.</summary>
    public IReadOnlyList<BenchmarkTaskMetrics> Metrics => _finished;

    /// <param name="batch">The answers to the next questions.</param>
    /// <param name="seconds">What they took.</param>
    /// <param name="tokens">How many tokens went through the backbone.</param>
    public void Add(IReadOnlyList<BenchmarkAnswer> batch, double seconds, long tokens)
    {
        var current = _sets[_finished.Count];
        _file?.Add(new AnsweredBatch(current.Set.Source.Name, current.Answers.Count, seconds, tokens, batch));
        current.Answers.AddRange(batch);
        current.Seconds += seconds;
        current.Tokens += tokens;
        _log.Answered(current.Answers, batch.Count, seconds, tokens);
        if (current.Answers.Count < current.Set.Rows)
            return;
        End(current);
        Begin();
    }

    /// <summary>Goes on to the next set that has questions without answers.</summary>
    private void Begin()
    {
        while (_finished.Count < _sets.Count)
        {
            var next = _sets[_finished.Count];
            _log.Begin(next.Set, next.Answers);
            if (next.Answers.Count < next.Set.Rows)
                return;
            End(next);
        }
    }

    private void End(SetAnswers set)
    {
        if (set.Answers.TrueForAll(answer => answer.Problem is not null))
            throw new InvalidOperationException(
                $"{set.Set.Source.Path}: none of its {set.Answers.Count} questions can be asked. The first: {set.Answers[0].Problem}");
        var metrics = new BenchmarkTaskMetrics(set.Set.Source.Name, set.Set.Hashes[0], set.Answers, set.Seconds, set.Tokens)
        {
            IsMmlu = set.Set.Source is Benchmarks.MmluSource,
        };
        _finished.Add(metrics);
        _log.End(metrics);
    }
}

/// <summary>The answers to the questions of a file so far.</summary>
/// <param name="set">The questions.</param>
/// <param name="finished">What an earlier run answered.</param>
internal sealed class SetAnswers(BenchmarkSet set, IReadOnlyList<AnsweredBatch> finished)
{
    public BenchmarkSet Set { get; } = set;

    public List<BenchmarkAnswer> Answers { get; } = [.. finished.SelectMany(batch => batch.Answers)];

    /// <summary>How many questions an earlier run answered.</summary>
    public int Earlier { get; } = finished.Sum(batch => batch.Answers.Count);

    public double Seconds { get; set; } = finished.Sum(batch => batch.Seconds);

    public long Tokens { get; set; } = finished.Sum(batch => batch.Tokens);
}
