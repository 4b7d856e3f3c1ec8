using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Text;

/// <summary>Tokenizer files in each of the three forms, made from a few words that tests can foresee.</summary>
internal static class SmallTokenizers
{
    public const string BeginOfText = "<|begin_of_text|>";
    public const string EndOfText = "<|end_of_text|>";

    /// <summary>Tokens beyond single characters; each is put together from the ones before it.</summary>
    public static readonly string[] Merged =
    [
        "th", "the", " the", "in", "ing", "er", "an", " an", "and", " and", "aa", "aaaa", "!!", "  ", "    ", "\n\n", " t", " a", "é", "né", "12", "23", "日",
        "本", "日本", ".\n",
    ];

    public static BackboneTokenizer ByName(string form) => form switch
    {
        "SentencePiece" => Load(SentencePiece()),
        "Tiktoken" => Load(Tiktoken()),
        "tokenizer.json" => Load(ByteLevel()),
        _ => throw new ArgumentException(form),
    };

    public static BackboneTokenizer Load(Dictionary<string, byte[]> files) => BackboneTokenizer.Load(new MemoryFiles("small", files));

    public static Dictionary<string, byte[]> With(this Dictionary<string, byte[]> files, string name, string content)
        => new(files) { [name] = Encoding.UTF8.GetBytes(content) };

    /// <summary>The form of LLaMA 2: three control pieces, 256 bytes, the merged ones by rank, then single characters.</summary>
    public static Dictionary<string, byte[]> SentencePiece(
        Action<List<(string Text, float Score, int Type)>>? change = null, bool byteFallback = true, int modelType = 2, bool removeExtraSpaces = false)
    {
        List<(string, float, int)> pieces = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3)];
        for (var value = 0; value < 256; value++)
            pieces.Add((string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"), 0, 6));
        var rank = 0;
        foreach (var text in Merged.Where(text => text.Length > 1).Concat("abcdefghijklmnopqrstuvwxyz !é.,0123日本".Select(character => character.ToString())))
            pieces.Add((text.Replace(' ', '\u2581'), -rank++, 1));
        change?.Invoke(pieces);

        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            foreach (var (text, score, type) in pieces)
            {
                WriteMessage(output, 1, piece =>
                {
                    piece.WriteTag(1, WireFormat.WireType.LengthDelimited);
                    piece.WriteString(text);
                    piece.WriteTag(2, WireFormat.WireType.Fixed32);
                    piece.WriteFloat(score);
                    piece.WriteTag(3, WireFormat.WireType.Varint);
                    piece.WriteEnum(type);
                });
            }
            WriteMessage(output, 2, trainer =>
            {
                trainer.WriteTag(3, WireFormat.WireType.Varint);
                trainer.WriteEnum(modelType);
                trainer.WriteTag(35, WireFormat.WireType.Varint);
                trainer.WriteBool(byteFallback);
            });
            WriteMessage(output, 3, normalizer =>
            {
                normalizer.WriteTag(1, WireFormat.WireType.LengthDelimited);
                normalizer.WriteString("identity");
                normalizer.WriteTag(4, WireFormat.WireType.Varint);
                normalizer.WriteBool(removeExtraSpaces);
            });
        }
        return new() { ["tokenizer.model"] = stream.ToArray() };
    }

    /// <summary>The form of LLaMA 3: the 256 bytes, then the merged tokens.</summary>
    public static Dictionary<string, byte[]> Tiktoken(Action<List<string>>? change = null)
    {
        var lines = ByteTokens().Select((token, rank) => $"{Convert.ToBase64String(token)} {rank}").ToList();
        change?.Invoke(lines);
        return new() { ["tokenizer.model"] = Encoding.ASCII.GetBytes(string.Join('\n', lines) + "\n") };
    }

    /// <summary>A byte-level tokenizer.json with the same tokens, as Hugging Face's converter makes it from the Tiktoken form.</summary>
    public static Dictionary<string, byte[]> ByteLevel(Action<JsonObject>? change = null, bool ignoreMerges = true, bool mergesAsPairs = false)
    {
        var json = ToHuggingFace([.. ByteTokens()], ignoreMerges, mergesAsPairs);
        change?.Invoke(json);
        return new()
        {
            ["tokenizer.json"] = Encoding.UTF8.GetBytes(json.ToJsonString()),
            ["tokenizer_config.json"] = Encoding.UTF8.GetBytes($$$"""{"bos_token": "{{{BeginOfText}}}", "eos_token": {"content": "{{{EndOfText}}}"}}"""),
        };
    }

    /// <summary>A tokenizer.json for tokens in the order of their ranks.</summary>
    public static JsonObject ToHuggingFace(IReadOnlyList<byte[]> tokens, bool ignoreMerges, bool mergesAsPairs)
    {
        var names = tokens.Select(token => string.Concat(token.Select(ByteLevelAlphabet.Character))).ToArray();
        var known = names.ToHashSet();
        var merges = new JsonArray();
        foreach (var name in names)
        {
            for (var cut = 1; cut < name.Length; cut++)
            {
                var (left, right) = (name[..cut], name[cut..]);
                if (known.Contains(left) && known.Contains(right))
                    merges.Add(mergesAsPairs ? new JsonArray(left, right) : $"{left} {right}");
            }
        }
        var vocabulary = new JsonObject();
        for (var id = 0; id < names.Length; id++)
            vocabulary.Add(names[id], id);
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(Special(BeginOfText, tokens.Count), Special(EndOfText, tokens.Count + 1)),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject
                    {
                        ["type"] = "Split",
                        ["pattern"] = new JsonObject
                        {
                            ["Regex"] = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
                        },
                        ["behavior"] = "Isolated",
                        ["invert"] = false,
                    },
                    new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = false }),
            },
            ["post_processor"] = JsonNode.Parse($$$"""
                {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": true}, {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "{{{BeginOfText}}}", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}]}
                """),
            ["model"] = new JsonObject { ["type"] = "BPE", ["ignore_merges"] = ignoreMerges, ["vocab"] = vocabulary, ["merges"] = merges },
        };
    }

    /// <summary>The bytes of every token of the Tiktoken form in the order of ranks.</summary>
    public static IEnumerable<byte[]> ByteTokens() => Enumerable.Range(0, 256).Select(value => new[] { (byte)value })
        .Concat(Merged.Select(Encoding.UTF8.GetBytes));

    private static JsonObject Special(string content, int id) => new() { ["id"] = id, ["content"] = content, ["special"] = true };

    private static void WriteMessage(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var message = new CodedOutputStream(stream, leaveOpen: true))
            write(message);
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(stream.ToArray()));
    }
}
