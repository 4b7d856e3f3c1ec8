using Google.Protobuf;

namespace Microsoft.ML.Moka.Text;

/// <summary>A piece that merges may make.</summary>
/// <param name="Id">Its place in the file.</param>
/// <param name="Text">Its characters; U+2581 is a space.</param>
/// <param name="Score">The higher, the earlier it is made.</param>
internal readonly record struct SentencePiece(int Id, string Text, float Score)
{
    private const int PiecesField = 1;
    private const int TrainerField = 2;
    private const int NormalizerField = 3;
    private const int TextField = 1;
    private const int ScoreField = 2;
    private const int TypeField = 3;
    private const int NormalType = 1;
    private const int UserDefinedType = 4;

    /// <summary>
    /// Reads the pieces from a SentencePiece model (a ModelProto), but not the unknown, the control and the byte pieces, which are never
    /// made from others. The tokenizer library does not tell the scores.
    /// </summary>
    public static List<SentencePiece> ReadNormal(byte[] content)
    {
        var pieces = new List<SentencePiece>();
        var input = new CodedInputStream(content);
        var (hasTrainer, hasNormalizer) = (false, false);
        for (var id = 0; input.ReadTag() is var tag and not 0;)
        {
            var field = WireFormat.GetTagFieldNumber(tag);
            hasTrainer |= field == TrainerField;
            hasNormalizer |= field == NormalizerField;
            if (field != PiecesField)
                input.SkipLastField();
            else if (Read(input.ReadBytes().CreateCodedInput(), id++) is { } piece)
                pieces.Add(piece);
        }
        if (pieces.Count == 0 || !hasTrainer || !hasNormalizer)
            throw new InvalidDataException("it lacks pieces, trainer_spec or normalizer_spec: it is cut off, or neither of SentencePiece's nor of Tiktoken's form");
        return pieces;
    }

    private static SentencePiece? Read(CodedInputStream input, int id)
    {
        var (text, score, type) = ("", 0f, NormalType);
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case TextField: text = input.ReadString(); break;
                case ScoreField: score = input.ReadFloat(); break;
                case TypeField: type = input.ReadEnum(); break;
                default: input.SkipLastField(); break;
            }
        }
        if (!float.IsFinite(score) || text.Contains(' '))
            throw new InvalidDataException($"piece {id} ('{text}') is damaged: its score is {score}");
        return type is NormalType or UserDefinedType && text.Length > 0 ? new SentencePiece(id, text, score) : null;
    }
}
