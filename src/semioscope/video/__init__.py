"""Reads and writes video by time stamp. The only package that imports the decoder."""

from semioscope.video.decode import DECODER_VERSION, DecodeReport, Frame, FrameReader
from semioscope.video.encode import CODECS, CodecSpec, VideoWriter, available_codecs
from semioscope.video.fingerprint import fingerprint
from semioscope.video.index import PacketIndex, index_packets
from semioscope.video.parts import Part, is_parts_list, read_parts
from semioscope.video.probe import VideoInfo, probe
from semioscope.video.readers import PartsReader, Reader, open_reader, read_pictures

__all__ = [
    "CODECS",
    "DECODER_VERSION",
    "CodecSpec",
    "DecodeReport",
    "Frame",
    "FrameReader",
    "PacketIndex",
    "Part",
    "PartsReader",
    "Reader",
    "VideoInfo",
    "VideoWriter",
    "available_codecs",
    "fingerprint",
    "index_packets",
    "is_parts_list",
    "open_reader",
    "probe",
    "read_parts",
    "read_pictures",
]
