using System.Globalization;
using Google.Protobuf;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>Reads LLaMA 2's <c>tokenizer.model</c>: a ModelProto of SentencePiece that holds a byte pair encoding with byte fallback.</summary>
internal static class SentencePieceFile
{
    private const int BytePairEncoding = 2;

    /// <exception cref="InvalidDataException">It is damaged, or unlike LLaMA's.</exception>
    public static SentencePieceModel Read(byte[] content, bool addsFirstSpaceOnce)
    {
        var pieces = new List<SentencePiece>();
        TrainerSpec? trainer = null;
        NormalizerSpec? normalizer = null;
        var input = new CodedInputStream(content);
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: pieces.Add(ReadPiece(input.ReadBytes().CreateCodedInput())); break;
                case 2: trainer = TrainerSpec.Read(input.ReadBytes().CreateCodedInput()); break;
                case 3: normalizer = NormalizerSpec.Read(input.ReadBytes().CreateCodedInput()); break;
                default: input.SkipLastField(); break;
            }
        }
        if (pieces.Count == 0 || trainer is null || normalizer is null)
        {
            throw new InvalidDataException(
                "it lacks pieces, trainer_spec or normalizer_spec: it is cut off, or neither of SentencePiece's nor of Tiktoken's form");
        }
        if (trainer.ModelType != BytePairEncoding)
            throw new InvalidDataException($"trainer_spec.model_type must be {BytePairEncoding} (BPE); found {trainer.ModelType}");
        if (!trainer.ByteFallback || !normalizer.EscapesSpaces || trainer.SpaceIsSuffix)
        {
            throw new InvalidDataException(
                "it is a SentencePiece model unlike LLaMA's: byte_fallback and escape_whitespaces have to be set, treat_whitespace_as_suffix not");
        }
        if (normalizer.HasCharacterMap)
        {
            throw new InvalidDataException(
                $"normalizer_spec.precompiled_charsmap ('{normalizer.Name}') is not supported: it would change characters; only the identity is known");
        }
        var bytes = pieces.Where(piece => piece.Type == SentencePieceType.Byte).Select(piece => piece.Text).ToHashSet(StringComparer.Ordinal);
        for (var value = 0; value < 256; value++)
        {
            if (!bytes.Contains(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>")))
                throw new InvalidDataException($"it has no piece for the byte 0x{value:X2}");
        }
        return new SentencePieceModel
        {
            Pieces = pieces,
            AddsFirstSpace = normalizer.AddsFirstSpace,
            AddsFirstSpaceOnce = addsFirstSpaceOnce,
            RemovesExtraSpaces = normalizer.RemovesExtraSpaces,
            BeginOfSequence = Control(trainer.BeginPiece),
            EndOfSequence = Control(trainer.EndPiece),
        };

        int? Control(string name) => pieces.FindIndex(piece => piece.Type == SentencePieceType.Control && piece.Text == name) is var id and >= 0 ? id : null;
    }

    private static SentencePiece ReadPiece(CodedInputStream input)
    {
        var (text, score, type) = ("", 0f, (int)SentencePieceType.Normal);
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: text = input.ReadString(); break;
                case 2: score = input.ReadFloat(); break;
                case 3: type = input.ReadEnum(); break;
                default: input.SkipLastField(); break;
            }
        }
        return new SentencePiece(text, score, (SentencePieceType)type);
    }

    // The initial values are the format's own.
    private sealed class TrainerSpec
    {
        public int ModelType { get; private set; } = 1;

        public bool ByteFallback { get; private set; }

        public bool SpaceIsSuffix { get; private set; }

        public string BeginPiece { get; private set; } = "<s>";

        public string EndPiece { get; private set; } = "</s>";

        public static TrainerSpec Read(CodedInputStream input)
        {
            var spec = new TrainerSpec();
            while (input.ReadTag() is var tag and not 0)
            {
                switch (WireFormat.GetTagFieldNumber(tag))
                {
                    case 3: spec.ModelType = input.ReadEnum(); break;
                    case 24: spec.SpaceIsSuffix = input.ReadBool(); break;
                    case 35: spec.ByteFallback = input.ReadBool(); break;
                    case 46: spec.BeginPiece = input.ReadString(); break;
                    case 47: spec.EndPiece = input.ReadString(); break;
                    default: input.SkipLastField(); break;
                }
            }
            return spec;
        }
    }

    private sealed class NormalizerSpec
    {
        public string Name { get; private set; } = "";

        public bool HasCharacterMap { get; private set; }

        public bool AddsFirstSpace { get; private set; } = true;

        public bool RemovesExtraSpaces { get; private set; } = true;

        public bool EscapesSpaces { get; private set; } = true;

        public static NormalizerSpec Read(CodedInputStream input)
        {
            var spec = new NormalizerSpec();
            while (input.ReadTag() is var tag and not 0)
            {
                switch (WireFormat.GetTagFieldNumber(tag))
                {
                    case 1: spec.Name = input.ReadString(); break;
                    case 2: spec.HasCharacterMap = input.ReadBytes().Length > 0; break;
                    case 3: spec.AddsFirstSpace = input.ReadBool(); break;
                    case 4: spec.RemovesExtraSpaces = input.ReadBool(); break;
                    case 5: spec.EscapesSpaces = input.ReadBool(); break;
                    default: input.SkipLastField(); break;
                }
            }
            return spec;
        }
    }
}
