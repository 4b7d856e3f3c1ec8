using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Constraints;

namespace Microsoft.ML.Moka.Generation;

/// <summary>What answers look like before they are text.</summary>
/// <param name="Prefix">What the model writes before an answer; it is left out.</param>
/// <param name="EndTokens">The tokens that end an answer.</param>
internal sealed record AnswerForm(string Prefix, IReadOnlyList<int> EndTokens);

/// <summary>A generated answer.</summary>
/// <param name="Text">The text.</param>
/// <param name="TokenCount">How many tokens were generated for it.</param>
/// <param name="ReachedLimit">Whether it ended only because it became too long.</param>
internal sealed record GeneratedAnswer(string Text, int TokenCount, bool ReachedLimit);

/// <summary>
/// Generates the answers to prompts, in batches. An answer does not depend on the others of its batch, and any number of threads may generate.
/// </summary>
internal sealed class AnswerGenerator(TunedBackbone weights, BackboneTokenizer tokenizer)
{
    /// <summary>
    /// The most tokens whose keys and values are kept at a time, if there are several texts: a gigabyte per thousand of them in a LLaMA of 7 billion
    /// parameters.
    /// </summary>
    private const int BatchTokens = 4096;

    /// <summary>The answers, in the order of the prompts.</summary>
    /// <param name="prompts">Token ids; each has at least one.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="form">Where answers begin and end.</param>
    /// <param name="onPiece">Told each piece of text as soon as it is sure, with the number of its prompt.</param>
    /// <param name="cancellation">Ends the work between two tokens.</param>
    /// <param name="adapters">The adapters of each prompt, where they are not all the model's own.</param>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public IReadOnlyList<GeneratedAnswer> Generate(
        IReadOnlyList<int[]> prompts, TextGenerationOptions options, AnswerForm form, Action<int, string>? onPiece, CancellationToken cancellation,
        IReadOnlyList<AdapterSet>? adapters = null)
    {
        using var usage = weights.Use();
        var answers = new List<GeneratedAnswer>();
        while (answers.Count < prompts.Count)
        {
            var batch = new List<int[]>();
            for (var tokens = 0L; answers.Count + batch.Count < prompts.Count; batch.Add(prompts[answers.Count + batch.Count]))
            {
                tokens += prompts[answers.Count + batch.Count].Length + (long)options.MaximumNewTokens;
                if (batch.Count > 0 && tokens > BatchTokens)
                    break;
            }
            var first = answers.Count;
            var generator = adapters is null
                ? new Generator(weights.Backbone, weights.Adapters)
                : new Generator(weights.Backbone, ownAdapters: [.. adapters.Skip(first).Take(batch.Count)]);
            answers.AddRange(GenerateBatch(generator, batch, options, form, (i, piece) => onPiece?.Invoke(first + i, piece), cancellation));
        }
        return answers;
    }

    private IEnumerable<GeneratedAnswer> GenerateBatch(
        Generator generator, List<int[]> prompts, TextGenerationOptions options, AnswerForm form, Action<int, string> onPiece,
        CancellationToken cancellation)
    {
        var texts = prompts.Select(_ => new TokenText(tokenizer, form.Prefix, options.StopWords)).ToArray();
        // A model that has learned to write something before its answers may do so.
        var start = options.Form is null
            ? null
            : GrammarState.Start(GrammarNode.Sequence(GrammarNode.Optional(GrammarNode.Literal(form.Prefix)), options.Form));
        var tokens = generator.Generate(
            prompts,
            new GenerationOptions
            {
                MaxNewTokens = options.MaximumNewTokens,
                Temperature = options.Temperature,
                TopK = options.TopK,
                TopP = options.TopP,
                FrequencyPenalty = options.FrequencyPenalty,
                PresencePenalty = options.PresencePenalty,
                Seed = unchecked((ulong)(options.Seed ?? Random.Shared.NextInt64())),
                StopTokens = form.EndTokens,
                Constraint = start is null ? null : () => new TextConstraint(start, tokenizer),
            },
            (prompt, token) =>
            {
                Tell(prompt, texts[prompt].Add(token));
                return !texts[prompt].IsStopped;
            },
            cancellation);
        for (var i = 0; i < texts.Length; i++)
        {
            Tell(i, texts[i].End());
            var isFull = tokens[i].Length == options.MaximumNewTokens || prompts[i].Length + tokens[i].Length > weights.Backbone.Config.MaxPositions;
            yield return new GeneratedAnswer(texts[i].Text, tokens[i].Length, ReachedLimit: isFull && !texts[i].IsStopped);
        }

        void Tell(int prompt, string piece)
        {
            if (piece.Length > 0)
                onPiece(prompt, piece);
        }
    }
}
