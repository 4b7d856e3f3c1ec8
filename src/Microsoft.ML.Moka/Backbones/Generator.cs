using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// Continues prompts token by token, any number of them side by side: a step expands each weight once for all of them. What a prompt becomes does not
/// depend on the others, and any number of threads may generate at a time.
/// </summary>
/// <param name="backbone">The frozen backbone.</param>
/// <param name="adapters">What it was tuned with; null for the backbone alone.</param>
/// <param name="ownAdapters">The adapters of each prompt, in place of the same for all; they change linear maps alone.</param>
internal sealed class Generator(LlamaBackbone backbone, AdapterSet? adapters = null, IReadOnlyList<AdapterSet>? ownAdapters = null)
{
    private readonly LlamaBackbone _singleTokens = backbone.ForSingleTokens();

    /// <summary>The tokens that follow each prompt.</summary>
    /// <param name="prompts">Token ids; each has at least one.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="goesOn">
    /// Told each token as soon as it is known, with the number of its prompt; says whether the text goes on after it. All do where it is not given.
    /// </param>
    /// <param name="cancellation">Ends the work between two steps.</param>
    public int[][] Generate(
        IReadOnlyList<int[]> prompts, GenerationOptions options, Func<int, int, bool>? goesOn = null, CancellationToken cancellation = default) =>
        Generate([.. prompts.Select(ids => new OpenedPrompt(ids, 0))], options, out _, goesOn, cancellation);

    /// <summary>The same for prompts that may begin alike, with the number of tokens that went through the backbone.</summary>
    public int[][] Generate(
        IReadOnlyList<OpenedPrompt> prompts, GenerationOptions options, out long computedTokens, Func<int, int, bool>? goesOn = null,
        CancellationToken cancellation = default)
    {
        options.Validate();
        var stop = options.StopTokens ?? backbone.Config.EosTokenIds;
        using var cache = new KeyValueCache(backbone.Backend, backbone.Config, prompts.Sum(prompt => prompt.Ids.Length) + 64);
        var batch = cache.NextBatch();
        var texts = new List<Text>();
        foreach (var (prompt, span) in prompts.Zip(batch.AddPrompts(prompts)))
            texts.Add(new Text(texts.Count, new TokenSampler(options, prompt.Ids), span));
        var growing = options.MaxNewTokens > 0 ? texts : [];
        var width = backbone.VocabularyOf(adapters);
        var logits = new float[growing.Count * width];
        while (growing.Count > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            LastLogits(growing, batch, cache, logits.AsSpan(0, growing.Count * width), cancellation);
            var next = new List<Text>();
            for (var i = 0; i < growing.Count; i++)
            {
                var text = growing[i];
                var token = text.Sampler.Choose(logits.AsSpan(i * width, width));
                if (stop.Contains(token))
                    continue;
                text.Tokens.Add(token);
                if (goesOn?.Invoke(text.Number, token) != false
                    && text.Tokens.Count < options.MaxNewTokens && text.Span.NextPosition < backbone.Config.MaxPositions)
                    next.Add(text);
            }
            growing = next;
            batch = cache.NextBatch();
            foreach (var text in growing)
                text.Span = batch.Continue(text.Span, [text.Tokens[^1]]);
        }
        computedTokens = cache.RowCount;
        return [.. texts.Select(text => text.Tokens.ToArray())];
    }

    /// <summary>Runs a batch and writes the logits after the last token of each text.</summary>
    private void LastLogits(List<Text> texts, RaggedBatch batch, KeyValueCache cache, Span<float> values, CancellationToken cancellation)
    {
        // Which way adapters are computed, and in which precision, shows in the last bits, so it must not depend on how many texts there are: prompts have rows
        // enough to pay for adding the updates to the expanded weights, and for tiles; single tokens have not.
        var isContinued = batch.FirstRow > 0;
        var model = isContinued ? _singleTokens : backbone;
        var backend = model.Backend;
        using var burst = backend.BeginBurst();
        using var tape = new Tape(backend, recording: false, cancellation);
        // Each text has its place in the batch, and the places come in the order of the texts.
        var rowAdapters = ownAdapters is null ? null
            : texts.SelectMany(text => Enumerable.Repeat(ownAdapters[text.Number], text.Span.Rows.Length)).ToList();
        var hidden = model.Forward(
            tape, batch, adapters,
            new ForwardOptions { Cache = cache, TwoPaths = isContinued, RowAdapters = rowAdapters },
            [.. texts.Select(text => text.Span.Rows.Start + text.Span.Rows.Length - 1 - batch.FirstRow)]);
        using var logits = model.Logits(hidden.Value, adapters);
        backend.Download(logits, values);
    }

    private sealed class Text(int number, TokenSampler sampler, TokenSpan prompt)
    {
        public int Number { get; } = number;

        public TokenSampler Sampler { get; } = sampler;

        public List<int> Tokens { get; } = [];

        /// <summary>The tokens of the text in the batch that is computed next.</summary>
        public TokenSpan Span { get; set; } = prompt;
    }
}
