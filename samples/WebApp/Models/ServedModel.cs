using System.Security.Cryptography;
using Microsoft.ML;
using Microsoft.ML.Moka;
using WebApp.Answers;

namespace WebApp.Models;

/// <summary>
/// A model in memory, ready to answer. Any number of threads may use it; it goes when its owner has disposed it and the last lease has ended.
/// </summary>
public sealed class ServedModel : IDisposable
{
    private const int VersionLength = 8;

    private readonly MLContext _mlContext = new();
    private readonly ITransformer _loaded;
    private readonly MokaTransformer _moka;
    private int _users = 1;
    private int _disposed;

    private ServedModel(string path)
    {
        Version = VersionOf(path);
        _loaded = _mlContext.Model.Load(path, out _);
        try
        {
            _moka = _loaded as MokaTransformer ?? (_loaded as IEnumerable<ITransformer>)?.OfType<MokaTransformer>().SingleOrDefault()
                ?? throw new InvalidDataException($"{path} holds no model of Moka's classification trainer.");
            MaximumChoices = QuestionRow.Marks.TakeWhile(_moka.Labels.Contains).Count();
            if (MaximumChoices < 2)
                throw new InvalidDataException(
                    $"{path} holds a model that answers with '{string.Join("', '", _moka.Labels)}', " +
                    $"not with the marks '{string.Join("', '", QuestionRow.Marks)}' of this page.");
            // The first question takes longer than the others: memory and compiled code are made ready before users come.
            Score([QuestionRow.Ask("Ready?", ["yes", "no"])]);
        }
        catch
        {
            (_loaded as IDisposable)?.Dispose();
            throw;
        }
    }

    /// <summary>Tells files apart by what is in them.</summary>
    public string Version { get; }

    public DateTimeOffset LoadedAt { get; } = DateTimeOffset.UtcNow;

    public int MaximumChoices { get; }

    /// <summary>The most tokens of a prompt and its answer.</summary>
    public int MaximumTokens => _moka.MaximumTokens;

    /// <exception cref="Exception">The file is damaged, of another kind or version, or its backbone is not there; the message says which.</exception>
    public static ServedModel Load(string path) => new(path);

    public int CountTokens(string text) => _moka.CountTokens(text);

    /// <summary>The probabilities of each row's choices, all rows in one batch; none depends on the others.</summary>
    public IReadOnlyList<float[]> Score(IReadOnlyList<QuestionRow> rows)
    {
        var scored = _moka.Transform(_mlContext.Data.LoadFromEnumerable(rows));
        var scores = _mlContext.Data.CreateEnumerable<ScoredRow>(scored, reuseRowObject: false);
        return [.. rows.Zip(scores, (row, scored) => Array.ConvertAll(row.Candidates, mark => scored.Score[IndexOf(mark)]))];
    }

    /// <summary>Keeps the model in memory until the lease is disposed; null where it is gone already.</summary>
    public Lease? Use()
    {
        int users;
        do
        {
            users = Volatile.Read(ref _users);
            if (users == 0)
                return null;
        }
        while (Interlocked.CompareExchange(ref _users, users + 1, users) != users);
        return new Lease(this);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Leave();
    }

    private int IndexOf(string mark) => _moka.Labels.TakeWhile(label => label != mark).Count();

    private void Leave()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            (_loaded as IDisposable)?.Dispose();
    }

    private static string VersionOf(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file))[..VersionLength];
    }

    private sealed class ScoredRow
    {
        public float[] Score { get; set; } = [];
    }

    /// <summary>One use of a model.</summary>
    public sealed class Lease(ServedModel model) : IDisposable
    {
        private int _ended;

        public ServedModel Model => model;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _ended, 1) == 0)
                model.Leave();
        }
    }
}
