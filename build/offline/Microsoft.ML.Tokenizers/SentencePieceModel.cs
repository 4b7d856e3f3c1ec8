using Google.Protobuf;

namespace Microsoft.ML.Tokenizers;

internal enum PieceType
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>The fields of SentencePiece's ModelProto that byte pair encoding needs, with their defaults.</summary>
internal sealed class SentencePieceModel
{
    private const int BytePairEncoding = 2;
    private const int Unigram = 1;

    private int _modelType = Unigram;
    private string _normalizer = "";

    public List<(string Text, float Score, PieceType Type)> Pieces { get; } = [];

    public bool ByteFallback { get; private set; }

    public bool TreatWhitespaceAsSuffix { get; private set; }

    public int UnknownId { get; private set; }

    public int BeginningOfSentenceId { get; private set; } = 1;

    public int EndOfSentenceId { get; private set; } = 2;

    public bool AddDummyPrefix { get; private set; } = true;

    public bool RemoveExtraWhitespaces { get; private set; } = true;

    public bool EscapeWhitespaces { get; private set; } = true;

    public static SentencePieceModel Read(Stream stream)
    {
        var model = new SentencePieceModel();
        var input = new CodedInputStream(stream, leaveOpen: true);
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: model.ReadPiece(Message(input)); break;
                case 2: model.ReadTrainer(Message(input)); break;
                case 3: model.ReadNormalizer(Message(input)); break;
                default: input.SkipLastField(); break;
            }
        }
        if (model._modelType != BytePairEncoding)
            throw new ArgumentException("The model type is not Bpe.", nameof(stream));
        if (model._normalizer is not ("" or "identity"))
            throw new ArgumentException($"Normalization '{model._normalizer}' is not supported.", nameof(stream));
        return model;
    }

    private static CodedInputStream Message(CodedInputStream input) => input.ReadBytes().CreateCodedInput();

    private void ReadPiece(CodedInputStream input)
    {
        var (text, score, type) = ("", 0f, PieceType.Normal);
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: text = input.ReadString(); break;
                case 2: score = input.ReadFloat(); break;
                case 3: type = (PieceType)input.ReadEnum(); break;
                default: input.SkipLastField(); break;
            }
        }
        if (type == PieceType.Unused)
            throw new NotSupportedException("The offline stand-in of Microsoft.ML.Tokenizers knows no unused pieces; LLaMA has none.");
        Pieces.Add((text, score, type));
    }

    private void ReadTrainer(CodedInputStream input)
    {
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 3: _modelType = input.ReadEnum(); break;
                case 24: TreatWhitespaceAsSuffix = input.ReadBool(); break;
                case 35: ByteFallback = input.ReadBool(); break;
                case 40: UnknownId = Math.Max(0, input.ReadInt32()); break;
                case 41: BeginningOfSentenceId = Math.Max(0, input.ReadInt32()); break;
                case 42: EndOfSentenceId = Math.Max(0, input.ReadInt32()); break;
                default: input.SkipLastField(); break;
            }
        }
    }

    private void ReadNormalizer(CodedInputStream input)
    {
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: _normalizer = input.ReadString(); break;
                case 3: AddDummyPrefix = input.ReadBool(); break;
                case 4: RemoveExtraWhitespaces = input.ReadBool(); break;
                case 5: EscapeWhitespaces = input.ReadBool(); break;
                default: input.SkipLastField(); break;
            }
        }
    }
}
