using System.Globalization;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>
/// SentencePiece's scores of a vocabulary that a <c>tokenizer.json</c> holds as merges, as transformers 5 writes LLaMA-2's. SentencePiece merges whatever two
/// neighbours spell a piece, the best score first: a list of merges says the same where it has all of them, and those of one piece together.
/// </summary>
internal static class MergeScores
{
    private static readonly string[] Probes = ["a", "a b", "a  b", "Hello, world 12\n x", "é 中文  z", "don't  stop.\t5"];

    /// <summary>Sets the tokens, and returns whether a text begins with a space more.</summary>
    /// <exception cref="InvalidOperationException">SentencePiece would give other ids.</exception>
    public static bool Add(TokenList tokens, TextTokenizerParts parts)
    {
        var (model, vocabulary) = (parts.Model, parts.Model.Vocabulary);
        if (!model.HasByteFallback || model.IgnoresMerges)
            throw Refusal("it is neither at byte level nor falls back to bytes");
        var addsFirstSpace = AddsFirstSpace(parts);
        var bytes = Enumerable.Range(0, 256).Select(value => string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>")).ToHashSet(StringComparer.Ordinal);
        var added = parts.AddedTokens.Select(token => token.Id).ToHashSet();
        // A pair that is listed twice counts where it was listed last.
        var ranks = new Dictionary<(int Left, int Right), Merge>();
        foreach (var merge in model.Merges)
            ranks[(merge.Left, merge.Right)] = merge;
        var scores = Scores(ranks.Values, vocabulary.Count);
        foreach (var (name, id) in vocabulary)
        {
            var type = bytes.Contains(name) ? GgufTokenType.Byte : id == model.Unknown ? GgufTokenType.Unknown : GgufTokenType.Normal;
            if (type == GgufTokenType.Normal && !added.Contains(id))
                CheckMerges(name, vocabulary, ranks, added);
            tokens.Set(id, name, type, scores.GetValueOrDefault(id, -vocabulary.Count - (float)id));
        }
        return addsFirstSpace;
    }

    private static Dictionary<int, float> Scores(IEnumerable<Merge> merges, int capacity)
    {
        var scores = new Dictionary<int, float>(capacity);
        var last = -1;
        foreach (var merge in merges.OrderBy(merge => merge.Rank))
        {
            if (merge.Merged == last)
                continue;
            if (!scores.TryAdd(merge.Merged, -scores.Count))
                throw Refusal("the merges of one token stand in different places");
            last = merge.Merged;
        }
        return scores;
    }

    private static void CheckMerges(
        string name, IReadOnlyDictionary<string, int> vocabulary, Dictionary<(int Left, int Right), Merge> merges, HashSet<int> added)
    {
        for (var cut = 1; cut < name.Length; cut++)
        {
            if (!char.IsLowSurrogate(name[cut]) && vocabulary.TryGetValue(name[..cut], out var left) && vocabulary.TryGetValue(name[cut..], out var right)
                && !added.Contains(left) && !added.Contains(right) && !merges.ContainsKey((left, right)))
                throw Refusal($"'{name[..cut]}' and '{name[cut..]}' do not merge, although '{name}' is a token");
        }
    }

    /// <summary>Spaces have to become marks and nothing else may change; one more may stand before the text.</summary>
    private static bool AddsFirstSpace(TextTokenizerParts parts)
    {
        var addsFirstSpace = Model("a").Length > 1;
        foreach (var probe in Probes)
        {
            if (Model(probe) != (addsFirstSpace ? $"{SentencePieceModel.Space}" : "") + probe.Replace(' ', SentencePieceModel.Space))
                throw Refusal("it changes or splits texts otherwise than by marks for spaces");
        }
        return addsFirstSpace;

        string Model(string text)
        {
            var pieces = new PieceList(parts.Normalizer.Normalize(text), isAtStart: true);
            parts.PreTokenizer.Apply(pieces);
            return pieces.Pieces.Count == 1 ? pieces.Text : "";
        }
    }

    private static InvalidOperationException Refusal(string why) =>
        ConfigMetadata.Refusal($"its tokenizer is none that llama.cpp has: {why}; with the tokenizer.model that it was made of it can be written");
}
