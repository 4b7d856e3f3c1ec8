using System.Numerics.Tensors;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// Continues prompts with the likeliest texts that a beam search finds, as transformers' generate does without sampling, with length_penalty 1 and
/// early_stopping false. Beams of all prompts go through the backbone side by side and share the rows of the cache that they have in common.
/// </summary>
internal sealed class BeamSearch(LlamaBackbone backbone, AdapterSet? adapters, int beams)
{
    private readonly LlamaBackbone _singleTokens = backbone.ForSingleTokens();

    /// <summary>The tokens that follow each prompt, without the token that ended them.</summary>
    /// <param name="prompts">The prompts; each has at least one token.</param>
    /// <param name="maxNewTokens">The most tokens of a text.</param>
    /// <param name="stopTokens">Tokens that end a text.</param>
    /// <param name="computedTokens">How many tokens went through the backbone.</param>
    /// <param name="cancellation">Ends the work between two steps.</param>
    public int[][] Generate(
        IReadOnlyList<OpenedPrompt> prompts, int maxNewTokens, IReadOnlyCollection<int> stopTokens, out long computedTokens,
        CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(beams);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxNewTokens);
        using var cache = new KeyValueCache(backbone.Backend, backbone.Config, prompts.Sum(prompt => prompt.Ids.Length) + 64);
        var batch = cache.NextBatch();
        Search[] searches = [.. batch.AddPrompts(prompts).Select(span => new Search(beams, span))];
        for (var length = 1; length <= maxNewTokens; length++)
        {
            cancellation.ThrowIfCancellationRequested();
            Search[] open = [.. searches.Where(search => !search.IsOver)];
            if (open.Length == 0)
                break;
            var logits = LastLogits(open, batch, cache);
            var first = 0;
            foreach (var search in open)
            {
                search.Step(logits, first, backbone.VocabularyOf(adapters), stopTokens, length);
                first += search.BeamsOfStep;
            }
            batch = cache.NextBatch();
            foreach (var beam in open.Where(search => !search.IsOver && length < maxNewTokens).SelectMany(search => search.Beams))
                beam.Span = batch.Continue(beam.Span, [beam.Tokens[^1]]);
        }
        computedTokens = cache.RowCount;
        return [.. searches.Select(search => search.Best())];
    }

    private float[] LastLogits(Search[] searches, RaggedBatch batch, KeyValueCache cache)
    {
        var isContinued = batch.FirstRow > 0;
        var model = isContinued ? _singleTokens : backbone;
        using var tape = new Tape(model.Backend, recording: false);
        var hidden = model.Forward(
            tape, batch, adapters,
            new ForwardOptions { Cache = cache, TwoPaths = isContinued },
            [.. searches.SelectMany(search => search.Beams).Select(beam => beam.Span.Rows.Start + beam.Span.Rows.Length - 1 - batch.FirstRow)]);
        using var logits = model.Logits(hidden.Value, adapters);
        var values = new float[logits.Length];
        model.Backend.Download(logits, values);
        return values;
    }

    /// <summary>A text that is still growing.</summary>
    private sealed class Beam(int[] tokens, double score, TokenSpan span)
    {
        public int[] Tokens { get; } = tokens;

        /// <summary>The sum of the tokens' log-likelihoods.</summary>
        public double Score { get; } = score;

        public TokenSpan Span { get; set; } = span;
    }

    /// <summary>The search for the continuation of one prompt.</summary>
    private sealed class Search(int width, TokenSpan prompt)
    {
        private readonly List<(double Score, int[] Tokens)> _finished = [];

        public List<Beam> Beams { get; private set; } = [new Beam([], 0, prompt)];

        /// <summary>How many beams the latest step went out from.</summary>
        public int BeamsOfStep { get; private set; }

        public bool IsOver { get; private set; }

        /// <param name="logits">Of all beams of all searches.</param>
        /// <param name="first">The first beam of this search among them.</param>
        /// <param name="vocabulary">Logits of a beam.</param>
        /// <param name="stopTokens">Tokens that end a text.</param>
        /// <param name="length">The length of a text with its next token.</param>
        public void Step(float[] logits, int first, int vocabulary, IReadOnlyCollection<int> stopTokens, int length)
        {
            BeamsOfStep = Beams.Count;
            var candidates = new List<(double Score, int Beam, int Token)>();
            for (var beam = 0; beam < Beams.Count; beam++)
                AddBest(logits.AsSpan((first + beam) * vocabulary, vocabulary), beam, candidates);
            // Twice as many as there are beams: even if each of them ended in a stop token, enough would go on.
            candidates = [.. candidates.OrderByDescending(c => c.Score).ThenBy(c => c.Beam).ThenBy(c => c.Token).Take(2 * width)];
            var next = new List<Beam>();
            for (var rank = 0; rank < candidates.Count && next.Count < width; rank++)
            {
                var (score, from, token) = candidates[rank];
                if (!stopTokens.Contains(token))
                    next.Add(new Beam([.. Beams[from].Tokens, token], score, Beams[from].Span));
                else if (rank < width)
                    Finish(score / length, Beams[from].Tokens);
            }
            Beams = next;
            IsOver = Beams.Count == 0 || (_finished.Count >= width && _finished.Min(f => f.Score) >= candidates[0].Score / length);
        }

        /// <summary>The best of the finished texts and, where the search was not over, of those that were growing.</summary>
        public int[] Best()
        {
            if (!IsOver)
                foreach (var beam in Beams)
                    Finish(beam.Score / Math.Max(1, beam.Tokens.Length), beam.Tokens);
            return _finished.MaxBy(f => f.Score).Tokens;
        }

        private void Finish(double score, int[] tokens)
        {
            _finished.Add((score, tokens));
            if (_finished.Count > width)
                _finished.Remove(_finished.MinBy(f => f.Score));
        }

        private void AddBest(ReadOnlySpan<float> logits, int beam, List<(double, int, int)> candidates)
        {
            var largest = TensorPrimitives.Max(logits);
            if (!float.IsFinite(largest))
                throw new InvalidOperationException(
                    "The logits are not finite: the backbone or its adapters hold values that are no numbers, or too large ones.");
            var exponentials = new float[logits.Length];
            TensorPrimitives.Subtract(logits, largest, exponentials);
            TensorPrimitives.Exp<float>(exponentials, exponentials);
            var shift = Beams[beam].Score - largest - Math.Log(TensorPrimitives.Sum<float>(exponentials));
            var best = new PriorityQueue<int, (float, int)>();
            for (var token = 0; token < logits.Length; token++)
            {
                if (best.Count < 2 * width)
                    best.Enqueue(token, (logits[token], -token));
                else if (best.TryPeek(out var worst, out _) && logits[token] > logits[worst])
                    best.EnqueueDequeue(token, (logits[token], -token));
            }
            while (best.TryDequeue(out var token, out _))
                candidates.Add((shift + logits[token], beam, token));
        }
    }
}
