using Google.Protobuf;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>SentencePiece's <c>tokenizer.model</c> (a ModelProto) from scores and types of a GGUF's tokens.</summary>
internal static class GgufSentencePiece
{
    public const string SpacePrefixKey = "tokenizer.ggml.add_space_prefix";

    private const string ExtraSpacesKey = "tokenizer.ggml.remove_extra_whitespaces";

    private const int PiecesField = 1;
    private const int TrainerField = 2;
    private const int NormalizerField = 3;
    private const int BytePairEncoding = 2;

    // SentencePiece's id where there is no such token.
    private const int None = -1;

    public static byte[] Write(GgufMetadata metadata, GgufVocabulary vocabulary)
    {
        var scores = metadata.Numbers(GgufVocabulary.ScoresKey);
        if (scores.Length != vocabulary.Tokens.Length)
            throw metadata.Error(GgufVocabulary.ScoresKey, $"has {scores.Length} items, but there are {vocabulary.Tokens.Length} tokens");
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            for (var id = 0; id < scores.Length; id++)
                WriteMessage(output, PiecesField, piece => WritePiece(piece, vocabulary.Tokens[id], scores[id], vocabulary.Types[id]));
            WriteMessage(output, TrainerField, trainer => WriteTrainer(trainer, vocabulary));
            WriteMessage(output, NormalizerField, normalizer =>
            {
                WriteText(normalizer, 1, "identity");
                WriteBoolean(normalizer, 3, metadata.Boolean(SpacePrefixKey, missing: true));
                WriteBoolean(normalizer, 4, metadata.Boolean(ExtraSpacesKey, missing: false));
                WriteBoolean(normalizer, 5, true);
            });
        }
        return stream.ToArray();
    }

    // The numbers of the types are SentencePiece's own.
    private static void WritePiece(CodedOutputStream piece, string text, float score, GgufTokenType type)
    {
        WriteText(piece, 1, text);
        piece.WriteTag(2, WireFormat.WireType.Fixed32);
        piece.WriteFloat(score);
        WriteNumber(piece, 3, (int)type);
    }

    private static void WriteTrainer(CodedOutputStream trainer, GgufVocabulary vocabulary)
    {
        WriteNumber(trainer, 3, BytePairEncoding);
        WriteNumber(trainer, 4, vocabulary.Tokens.Length);
        WriteBoolean(trainer, 35, vocabulary.Types.Contains(GgufTokenType.Byte));
        WriteNumber(trainer, 40, vocabulary.Unknown ?? 0);
        WriteNumber(trainer, 41, vocabulary.Begin ?? None);
        WriteNumber(trainer, 42, vocabulary.Ends.Count > 0 ? vocabulary.Ends[0] : None);
        WriteNumber(trainer, 43, vocabulary.Padding ?? None);
    }

    private static void WriteMessage(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var inner = new CodedOutputStream(stream, leaveOpen: true))
            write(inner);
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(stream.GetBuffer(), 0, (int)stream.Length));
    }

    private static void WriteText(CodedOutputStream output, int field, string text)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(text);
    }

    private static void WriteNumber(CodedOutputStream output, int field, int value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt32(value);
    }

    private static void WriteBoolean(CodedOutputStream output, int field, bool value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteBool(value);
    }
}
