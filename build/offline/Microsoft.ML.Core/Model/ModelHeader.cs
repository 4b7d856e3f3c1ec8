using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Microsoft.ML;

/// <summary>
/// The first 256 bytes of a model stream, as ML.NET lays them out. After it stand the model's own bytes, the string table
/// (the end of each string, then the characters), the name of the loader's assembly and a tail signature. Positions count
/// from the header's start.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ModelHeader
{
    public const int Size = 256;

    private const ulong SignatureValue = 0x4C45444F4D004C4D; // "ML\0MODEL"
    private const ulong TailSignatureValue = 0x4D4C004D4F44454C;
    private const uint Written = 0x00010002;
    private const uint OldestReadable = 0x00010001;

    private ulong _signature;
    private uint _verWritten;
    private uint _verReadable;
    private long _fpModel;
    private long _cbModel;
    private long _fpStringTable;
    private long _cbStringTable;
    private long _fpStringChars;
    private long _cbStringChars;
    private ulong _modelSignature;
    private uint _modelVerWritten;
    private uint _modelVerReadable;
    private LoadName _loader;
    private LoadName _loaderAlt;
    private long _fpTail;
    private long _fpLim;
    private long _fpAssemblyName;
    private uint _cbAssemblyName;
    private Unused _unused;

    [InlineArray(24)]
    private struct LoadName
    {
        private byte _first;
    }

    [InlineArray(Size - 0x9C)]
    private struct Unused
    {
        private byte _first;
    }

    public readonly long FpModel => _fpModel;

    public readonly bool HasVersionInfo => _modelSignature != 0;

    public readonly string LoaderSignature => TextOf(_loader);

    public readonly string LoaderSignatureAlt => TextOf(_loaderAlt);

    /// <summary>Leaves room for the header; <see cref="EndWrite"/> fills it in.</summary>
    public static ModelHeader BeginWrite(BinaryWriter writer, out long fpMin)
    {
        fpMin = writer.BaseStream.Position;
        writer.Write(new byte[Size]);
        return new ModelHeader { _signature = SignatureValue, _verWritten = Written, _verReadable = Written, _fpModel = Size };
    }

    public void SetVersionInfo(VersionInfo version)
    {
        _modelSignature = version.ModelSignature;
        _modelVerWritten = version.VerWrittenCur;
        _modelVerReadable = version.VerReadableCur;
        _loader = LoadNameOf(version.LoaderSignature);
        _loaderAlt = LoadNameOf(version.LoaderSignatureAlt);
    }

    public void EndWrite(BinaryWriter writer, long fpMin, IReadOnlyList<string> strings, string assemblyName)
    {
        _cbModel = writer.BaseStream.Position - fpMin - _fpModel;
        if (strings.Count > 0)
        {
            _fpStringTable = writer.BaseStream.Position - fpMin;
            foreach (var text in strings)
                writer.Write(_cbStringChars += (long)text.Length * sizeof(char));
            _cbStringTable = (long)strings.Count * sizeof(long);
            _fpStringChars = writer.BaseStream.Position - fpMin;
            foreach (var text in strings)
                writer.Write(MemoryMarshal.AsBytes(text.AsSpan()));
        }
        if (!string.IsNullOrEmpty(assemblyName))
        {
            _fpAssemblyName = writer.BaseStream.Position - fpMin;
            _cbAssemblyName = (uint)assemblyName.Length * sizeof(char);
            writer.Write(MemoryMarshal.AsBytes(assemblyName.AsSpan()));
        }
        _fpTail = writer.BaseStream.Position - fpMin;
        writer.Write(TailSignatureValue);
        _fpLim = writer.BaseStream.Position - fpMin;

        writer.Seek(checked((int)fpMin), SeekOrigin.Begin);
        writer.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<ModelHeader>(ref this)));
        writer.BaseStream.Position = fpMin + _fpLim;
    }

    /// <summary>Reads the header and what stands behind the model, and leaves the reader at the model's own bytes.</summary>
    public static ModelHeader BeginRead(BinaryReader reader, out long fpMin, out string[] strings, out string assemblyName)
    {
        fpMin = reader.BaseStream.Position;
        var bytes = reader.ReadBytes(Size);
        Checks.Decode(bytes.Length == Size, "Corrupt file header");
        var header = MemoryMarshal.Read<ModelHeader>(bytes);
        header.Validate(reader.BaseStream.Length - fpMin);

        reader.BaseStream.Position = fpMin + header._fpStringTable;
        var ends = new long[header._cbStringTable / sizeof(long)];
        for (var i = 0; i < ends.Length; i++)
            ends[i] = reader.ReadInt64();
        strings = new string[ends.Length];
        long start = 0;
        for (var i = 0; i < ends.Length; i++)
        {
            Checks.Decode(start <= ends[i] && ends[i] <= header._cbStringChars && ends[i] % sizeof(char) == 0, "Corrupt string table");
            strings[i] = ReadText(reader, fpMin + header._fpStringChars + start, ends[i] - start);
            start = ends[i];
        }
        assemblyName = header._fpAssemblyName == 0 ? null : ReadText(reader, fpMin + header._fpAssemblyName, header._cbAssemblyName);
        reader.BaseStream.Position = fpMin + header._fpTail;
        Checks.Decode(reader.ReadUInt64() == TailSignatureValue, "Corrupt model file tail");
        reader.BaseStream.Position = fpMin + header._fpModel;
        return header;
    }

    public readonly void EndRead(BinaryReader reader, long fpMin)
    {
        Checks.Decode(reader.BaseStream.Position == fpMin + _fpModel + _cbModel, "One of the identified items was in an invalid format.");
        reader.BaseStream.Position = fpMin + _fpLim;
    }

    public readonly void CheckVersionInfo(VersionInfo version)
    {
        Checks.Decode(_modelSignature == version.ModelSignature, "Unknown file type");
        Checks.Decode(_modelVerReadable <= _modelVerWritten, "Corrupt file header");
        Checks.Decode(_modelVerReadable <= version.VerWrittenCur,
            $"Cause: ML.NET cannot read component '{version.LoaderSignature}' of the model, because the model is too new.");
        Checks.Decode(_modelVerWritten >= version.VerWeCanReadBack,
            $"Cause: ML.NET cannot read component '{version.LoaderSignature}' of the model, because the model is too old.");
    }

    private readonly void Validate(long available)
    {
        Checks.Decode(_signature == SignatureValue, "Wrong file type");
        Checks.Decode(_verReadable <= _verWritten, "Corrupt file header");
        Checks.Decode(_verReadable <= Written, "File is too new");
        Checks.Decode(_verWritten >= OldestReadable, "File is too old");
        CheckParts(available);
    }

    private readonly void CheckParts(long available)
    {
        // Each part begins where the one before it ends; a part that is absent has position and length 0.
        var end = checked(Size + _cbModel);
        Checks.Decode(_fpModel == Size && _cbModel >= 0, "Corrupt file header");
        if (_fpStringTable != 0)
        {
            Checks.Decode(_fpStringTable == end && _cbStringTable > 0 && _cbStringTable % sizeof(long) == 0, "Corrupt file header");
            Checks.Decode(_fpStringChars == checked(_fpStringTable + _cbStringTable) && _cbStringChars >= 0, "Corrupt file header");
            end = checked(_fpStringChars + _cbStringChars);
        }
        else
        {
            Checks.Decode(_cbStringTable == 0, "Corrupt file header");
        }
        if (_fpAssemblyName != 0)
        {
            Checks.Decode(_fpAssemblyName == end && _cbAssemblyName % sizeof(char) == 0, "Corrupt file header");
            end = checked(end + _cbAssemblyName);
        }
        Checks.Decode(_fpTail == end && _fpLim == checked(end + sizeof(ulong)) && _fpLim <= available, "Corrupt file header");
    }

    private static string ReadText(BinaryReader reader, long position, long byteCount)
    {
        reader.BaseStream.Position = position;
        return Encoding.Unicode.GetString(reader.ReadBytes(checked((int)byteCount)));
    }

    private static LoadName LoadNameOf(string text)
    {
        LoadName name = default;
        if (text is not null)
        {
            Checks.That(text.Length <= 24 && text.All(c => c <= 0xFF), "A loader signature has at most 24 Latin-1 characters.");
            Encoding.Latin1.GetBytes(text, name);
        }
        return name;
    }

    private static string TextOf(LoadName name) => Encoding.Latin1.GetString(((ReadOnlySpan<byte>)name).TrimEnd((byte)0));
}
