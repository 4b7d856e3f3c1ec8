using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>Reads LLaMA 3's <c>tokenizer.model</c>: lines of a token in base64 and its rank. The special tokens follow the ranks.</summary>
internal static class TiktokenFile
{
    private const int SpecialTokenCount = 256;

    // As in LLaMA 3.1; LLaMA 3 calls some of them reserved. Those that follow are reserved in both.
    private static readonly string[] NamedSpecialTokens =
    [
        "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>",
        "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>",
    ];

    /// <summary>Whether a file starts as one of this form does: with a line of base64, a blank and a number.</summary>
    public static bool Recognizes(ReadOnlySpan<byte> content)
    {
        var line = content[..Math.Min(content.Length, 1024)];
        var end = line.IndexOf((byte)'\n');
        return end > 0 && TryParse(line[..end].TrimEnd((byte)'\r'), out _, out _);
    }

    /// <param name="content">The file.</param>
    /// <param name="added">Tokens from other files; one that is a special token too says how that is found.</param>
    /// <param name="backboneVocabularySize">How many ids the backbone has, if that is known.</param>
    /// <exception cref="InvalidDataException">A line is damaged, or missing.</exception>
    public static TextTokenizerParts Read(byte[] content, IReadOnlyList<AddedToken> added, int? backboneVocabularySize)
    {
        var vocabulary = ReadRanks(content);
        // LLaMA 3's other files call some of them otherwise than LLaMA 3.1's.
        var (names, ids) = (added.Select(token => token.Content).ToHashSet(), added.Select(token => token.Id).ToHashSet());
        var special = Enumerable.Range(0, SpecialTokenCount).Select(i => new AddedToken(SpecialName(i), vocabulary.Count + i) { IsSpecial = true })
            .Where(token => !names.Contains(token.Content) && !ids.Contains(token.Id)).Concat(added).ToArray();
        if (added.FirstOrDefault(token => token.Id < vocabulary.Count) is { } wrong)
            throw new InvalidDataException($"the files beside it give '{wrong.Content}' the id {wrong.Id}, which is that of a rank");
        return new TextTokenizerParts
        {
            Kind = "Tiktoken",
            Model = new BytePairParts { Vocabulary = vocabulary, Merges = Merges(vocabulary), IsByteLevel = true, IgnoresMerges = true },
            AddedTokens = special,
            PreTokenizer = new PreTokenizer.Split(new Expression(PreTokenizer.Llama3Pattern), PreTokenizer.Behavior.Isolated),
            Decoder = new TokenDecoder.ByteLevel(),
            Opening = vocabulary.Count,
            BeginOfSequence = vocabulary.Count,
            EndOfSequence = vocabulary.Count + 1,
            BackboneVocabularySize = backboneVocabularySize,
        };
    }

    // Two neighbours merge where they spell a token, the one of least rank first.
    private static IEnumerable<Merge> Merges(Dictionary<string, int> vocabulary)
    {
        var ids = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var (name, rank) in vocabulary)
        {
            for (var cut = 1; cut < name.Length; cut++)
            {
                if (ids.TryGetValue(name.AsSpan(0, cut), out var left) && ids.TryGetValue(name.AsSpan(cut), out var right))
                    yield return new Merge(left, right, rank, rank);
            }
        }
    }

    private static Dictionary<string, int> ReadRanks(byte[] content)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var ranks = new HashSet<int>();
        var number = 0;
        var text = content.AsSpan().TrimEnd("\r\n"u8);
        foreach (var range in text.Split((byte)'\n'))
        {
            number++;
            if (!TryParse(text[range].TrimEnd((byte)'\r'), out var token, out var rank))
                throw new InvalidDataException($"line {number} is not a token in base64, a blank and a rank");
            if (!ranks.Add(rank))
                throw new InvalidDataException($"line {number} has rank {rank}, which an earlier line has already");
            if (!vocabulary.TryAdd(string.Concat(token.Select(ByteLevelAlphabet.Character)), rank))
                throw new InvalidDataException($"line {number} has a token that an earlier line has already");
        }
        if (ranks.Max() != ranks.Count - 1)
            throw new InvalidDataException($"its {ranks.Count} ranks are not those from 0 to {ranks.Count - 1}; lines are missing");
        for (var value = 0; value < 256; value++)
        {
            if (!vocabulary.ContainsKey(ByteLevelAlphabet.Character((byte)value).ToString()))
                throw new InvalidDataException($"it has no token for the byte 0x{value:X2}");
        }
        return vocabulary;
    }

    private static string SpecialName(int place) => place < NamedSpecialTokens.Length
        ? NamedSpecialTokens[place]
        : string.Create(CultureInfo.InvariantCulture, $"<|reserved_special_token_{place - NamedSpecialTokens.Length + 2}|>");

    private static bool TryParse(ReadOnlySpan<byte> line, out byte[] token, out int rank)
    {
        token = [];
        rank = -1;
        var blank = line.IndexOf((byte)' ');
        if (blank <= 0 || !Base64.IsValid(line[..blank], out var length) || length == 0)
            return false;
        token = new byte[length];
        return Convert.TryFromBase64Chars(Encoding.ASCII.GetString(line[..blank]), token, out _)
            && int.TryParse(line[(blank + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out rank);
    }
}
