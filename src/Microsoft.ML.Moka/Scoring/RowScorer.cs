using System.Numerics.Tensors;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Evaluation;
using Microsoft.ML.Moka.Llama;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Scoring;

/// <summary>A row of a data view, ready to be encoded.</summary>
/// <param name="Position">Where it stands in the view, for errors.</param>
/// <param name="Prompt">Its texts and candidates.</param>
internal readonly record struct PositionedRow(long Position, PromptRow Prompt);

/// <summary>What was noticed about rows while they were scored.</summary>
/// <param name="CutPrompts">Prompts that were too long and lost their beginning.</param>
/// <param name="RowsWithUnknownCandidates">Rows with candidates that are no answer words of the model.</param>
internal readonly record struct ScoringNotes(int CutPrompts, int RowsWithUnknownCandidates);

/// <summary>
/// Scores rows of text over the answer words. It owns the adapters and a share in the backbone. Threads may score at the same time, and another may
/// dispose meanwhile: what is owned goes when the last call has returned.
/// </summary>
internal sealed class RowScorer : IDisposable
{
    private readonly SharedBackbone _backbone;
    private readonly RowEncoder _encoder;
    private readonly Dictionary<string, int> _indexOfWord;
    private readonly LikelihoodScorer _scorer;
    private int _users = 1;
    private int _disposed;

    public RowScorer(SharedBackbone backbone, AdapterSet adapters, BackboneTokenizer tokenizer, PromptTemplate template, int maxTokens, IReadOnlyList<string> words)
    {
        _backbone = backbone;
        Adapters = adapters;
        _encoder = new RowEncoder(tokenizer, template, maxTokens);
        _indexOfWord = words.Select((word, index) => (word, index)).ToDictionary(w => w.word, w => w.index, StringComparer.Ordinal);
        _scorer = new LikelihoodScorer(backbone.Backbone, adapters);
    }

    public AdapterSet Adapters { get; }

    public SharedBackbone Backbone => _backbone;

    public int WordCount => _indexOfWord.Count;

    /// <summary>
    /// The probability of each word, row by row: the softmax of the candidates' log-likelihoods, 0 for words that are no candidates of the row, and NaN
    /// where none of its candidates is one of the words.
    /// </summary>
    /// <param name="rows">The rows.</param>
    /// <param name="scores">Rows × words.</param>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public ScoringNotes Score(IReadOnlyList<PositionedRow> rows, Span<float> scores)
    {
        Enter();
        try
        {
            var known = new int[rows.Count][];
            var encoded = new List<ScoringRow>();
            for (var i = 0; i < rows.Count; i++)
            {
                known[i] = [.. rows[i].Prompt.Candidates.Where(_indexOfWord.ContainsKey).Select(c => _indexOfWord[c])];
                if (known[i].Length > 0)
                    encoded.Add(Encode(rows[i]));
            }
            var likelihoods = _scorer.Score(encoded);
            var next = 0;
            for (var i = 0; i < rows.Count; i++)
            {
                var row = scores.Slice(i * WordCount, WordCount);
                row.Fill(known[i].Length > 0 ? 0 : float.NaN);
                if (known[i].Length > 0)
                    Spread(likelihoods[next++], known[i], row);
            }
            return new ScoringNotes(encoded.Count(row => row.PromptIsCut), known.Where((k, i) => k.Length < rows[i].Prompt.Candidates.Count).Count());
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>The adapters as tensors of a file.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public IReadOnlyList<SafetensorsTensor> StoredAdapters()
    {
        Enter();
        try
        {
            return [.. AdapterTensors.From(_backbone.Backbone.Backend, Adapters)];
        }
        finally
        {
            Leave();
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Leave();
    }

    private ScoringRow Encode(PositionedRow row)
    {
        string[] answers = [.. row.Prompt.Candidates.Where(_indexOfWord.ContainsKey)];
        try
        {
            return _encoder.ForScoring(row.Prompt, answers);
        }
        catch (ArgumentException e)
        {
            throw new InvalidOperationException($"Row {row.Position} cannot be scored. {e.Message}", e);
        }
    }

    private static void Spread(double[] likelihoods, int[] words, Span<float> scores)
    {
        // Of long answers even the likeliest is too unlikely for exp.
        var probabilities = new double[likelihoods.Length];
        TensorPrimitives.Subtract(likelihoods, TensorPrimitives.Max<double>(likelihoods), probabilities);
        TensorPrimitives.SoftMax<double>(probabilities, probabilities);
        for (var i = 0; i < words.Length; i++)
            scores[words[i]] = (float)probabilities[i];
    }

    private void Enter()
    {
        int users;
        do
        {
            users = Volatile.Read(ref _users);
            if (users == 0 || Volatile.Read(ref _disposed) != 0)
                throw new ObjectDisposedException(
                    nameof(MokaTransformer),
                    "The model has been disposed. A prediction engine disposes its model with itself; where others use the model too, create the engine " +
                    "with PredictionEngineOptions { OwnsTransformer = false }.");
        }
        while (Interlocked.CompareExchange(ref _users, users + 1, users) != users);
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        Adapters.Dispose();
        _backbone.Dispose();
    }
}
